import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { mostKeptBytes } from "@kyanite/contract/kept-bounds";
import type { StorageAccounts } from "../domain/account/storage.ts";
import { isLastRun, type PastFile, type PastRun, positionOf } from "../domain/run/past-run.ts";
import type { Task } from "../domain/task/task.ts";
import type { Sql } from "../store/database.ts";
import { readStoredLog } from "../store/kept-logs.ts";
import { readNodeById } from "../store/nodes.ts";
import { readContent, readPastRuns } from "../store/past-runs.ts";

export interface KeptFileParts {
  readonly database: Sql;
  readonly storage: Pick<StorageAccounts, "readBlob">;
}

/** A file that is kept of a run, with what is kept of it. */
export interface KeptContent {
  readonly run: PastRun;
  readonly file: PastFile;
  readonly content: Buffer;
}

/** The run that a task has had last, when something of it is remembered; undefined while it has one. */
export async function readLastRun(sql: Sql, task: Task): Promise<PastRun | undefined> {
  const [run] = task.runId === null ? await readPastRuns(sql, task, 1) : [];
  return run && isLastRun(run, task) ? run : undefined;
}

/** A file of a run by its path below the task's directory; undefined when it is not kept, or has not come yet. */
export async function readKeptFile(parts: KeptFileParts, run: PastRun, path: string): Promise<KeptContent | undefined> {
  const number = run.files.findIndex((each) => each.path === path);
  const file = run.files[number];
  const stored = file && (await readStored(parts, run, { file, number }));
  const content = stored && (stored.isDeflated ? await inflated(stored.bytes) : stored.bytes);
  return file && content && { run, file, content };
}

/**
 * What is kept of a file of a task's last run, where its node cannot be asked any more. Undefined also when a part of the
 * file is missing and the whole is still there, on a node that is only out of reach: the part must not be taken for it.
 */
export async function readInsteadOfNode(
  parts: KeptFileParts,
  run: PastRun,
  path: string,
): Promise<KeptContent | undefined> {
  const found = await readKeptFile(parts, run, path);
  if (found === undefined || found.file.missingBytes === 0 || run.nodeInfo === null) return found;
  return (await readNodeById(parts.database, run.nodeInfo.nodeId)) ? undefined : found;
}

interface Stored {
  readonly bytes: Buffer;
  readonly isDeflated: boolean;
}

/** Blobs are for programs that know the conventions, not us: in them nothing is deflated. */
async function readStored(
  { database, storage }: KeptFileParts,
  run: PastRun,
  { file, number }: { readonly file: PastFile; readonly number: number },
): Promise<Stored | undefined> {
  const { isDeflated } = file;
  if (file.storedBytes === 0) return { bytes: Buffer.alloc(0), isDeflated: false };
  if (file.storedBytes !== undefined) {
    const place = { position: positionOf(run.files, number), bytes: file.storedBytes };
    const bytes = await readContent(database, run, place);
    return bytes && { bytes, isDeflated };
  }
  const log = await readStoredLog(database, { runId: run.runId, number });
  if (log === undefined) return undefined;
  if (log.content !== null) return { bytes: log.content, isDeflated };
  const bytes = await storage.readBlob(log, mostKeptBytes);
  return bytes && { bytes, isDeflated: false };
}

const inflate = promisify(inflateRaw);

/** What an agent has deflated; undefined for what it has not, or what would get larger than anything that is kept. */
export async function inflated(bytes: Buffer): Promise<Buffer | undefined> {
  return inflate(bytes, { maxOutputLength: mostKeptBytes }).catch(() => undefined);
}
