import { readSync } from "node:fs";
import { promisify } from "node:util";
import { deflateRaw, deflateRawSync } from "node:zlib";
import type { KeptFile, OrderedKeeping, RunOutcome } from "@kyanite/contract";
import { mostCarriedBytes } from "@kyanite/contract/kept-bounds";
import { type Directory, hasErrorCode } from "@kyanite/runtime";
import { namesBelow, namesBetween } from "../paths.ts";
import { readerOfOutputs } from "../steps/container.ts";
import type { RunContext } from "../steps/step.ts";
import { enterIfThere } from "../task-files/directories.ts";
import { NotPlainFile, type OpenFile, openFile } from "../task-files/plain-file.ts";
import { mayRead } from "../task-files/rights.ts";
import { excerptOf, gapLine } from "./excerpt.ts";

const logs = ["stdout.txt", "stderr.txt"] as const;

/** Takes what is too large for a report, and sends it when the report is recorded. */
export interface KeptQueue {
  /** @returns false when there is no room for it */
  put(file: { readonly runId: string; readonly number: number }, content: Buffer): boolean;
}

/** Whether the run's command may have left something to keep. Nearly every run is asked, and most have written nothing. */
export function leavesFiles({ keeping }: { readonly keeping?: OrderedKeeping }, taskDirectory: Directory): boolean {
  if (keeping === undefined) return false;
  return keeping.filePaths.length > 0 || logs.some((name) => taskDirectory.lstat(name)?.size);
}

/** Keeps what the order asks for of a run that has ended so. What cannot be read is left out. */
export async function keepFiles(run: RunContext, outcome: RunOutcome): Promise<readonly KeptFile[]> {
  const { keeping } = run.order;
  if (keeping === undefined || !isWanted(keeping.runs, outcome)) return [];
  using task = enterTask(run);
  if (task === undefined) return [];
  const kept: KeptFile[] = [];
  let room = mostCarriedBytes;
  for (const path of new Set([...logs, ...keeping.filePaths])) {
    const found = await readExcerpt(run, task, { path, mostBytes: keeping.mostBytes });
    if (found === undefined) continue;
    const { content, ...file } = found;
    if (content.length <= room) {
      room -= content.length;
      kept.push({ ...file, content: content.toString("base64") });
    } else if (run.kept.put({ runId: run.order.runId, number: kept.length }, content)) kept.push(file);
    else run.log.warn("file not kept", { runId: run.order.runId, path, because: "too much waits to be sent" });
  }
  return kept;
}

function isWanted(runs: OrderedKeeping["runs"], outcome: RunOutcome): boolean {
  if (runs === "none" || outcome.kind === "returned") return false;
  const hasSucceeded = outcome.kind === "exited" && outcome.exitCode === 0 && !outcome.uploadFailure;
  return runs === "all" || !hasSucceeded;
}

/** By way of the directory that the next run will most likely be in, too. */
function enterTask({ paths, directories }: RunContext): Directory | undefined {
  const names = namesBetween(paths.root, paths.task);
  using parent = directories.enter(names.slice(0, -1));
  return enterIfThere(parent, names.slice(-1));
}

type Found = Omit<KeptFile, "content"> & { readonly content: Buffer };

/** Undefined for what is empty, or not a plain file that the run's user may read, or only to be reached by a link. */
async function readExcerpt(
  run: RunContext,
  task: Directory,
  { path, mostBytes }: { readonly path: string; readonly mostBytes: number },
): Promise<Found | undefined> {
  using file = openBelow(run, task, path);
  if (file === undefined || file.stat.size === 0) return undefined;
  const { headBytes, tailBytes, missingBytes } = excerptOf(file.stat.size, mostBytes);
  const content = Buffer.concat([
    readBytes(file, 0, headBytes),
    ...(missingBytes > 0 ? [Buffer.from(gapLine(missingBytes))] : []),
    readBytes(file, file.stat.size - tailBytes, tailBytes),
  ]);
  return {
    path,
    sizeBytes: file.stat.size,
    missingBytes,
    contentBytes: content.length,
    lastModified: file.stat.mtime.toISOString(),
    ...(await deflated(content)),
  };
}

const unreadable = ["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EPERM", "EAGAIN", "ENAMETOOLONG", "EIO", "EISDIR"];

function openBelow(run: RunContext, task: Directory, path: string): OpenFile | undefined {
  const names = namesBelow(path) ?? [];
  const name = names.at(-1);
  if (name === undefined) return undefined;
  try {
    using directory = enterIfThere(task, names.slice(0, -1));
    const file = directory && openFile(directory, name);
    const user = readerOfOutputs(run);
    if (file === undefined || user === undefined || mayRead(file.stat, user)) return file;
    file[Symbol.dispose]();
    return undefined;
  } catch (cause) {
    if (cause instanceof NotPlainFile || hasErrorCode(cause, ...unreadable)) return undefined;
    throw cause;
  }
}

/** A file that has become shorter meanwhile gives what there is. */
function readBytes({ fd }: OpenFile, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  for (let count = 1; filled < length && count > 0; filled += count)
    count = readSync(fd, buffer, filled, length - filled, position + filled);
  return buffer.subarray(0, filled);
}

/** What is shorter does not get smaller; what is longer takes its time elsewhere. */
const shortBytes = 256;
const longBytes = 16 * 1024;
const deflateElsewhere = promisify(deflateRaw);

async function deflated(content: Buffer): Promise<{ readonly content: Buffer; readonly isDeflated: boolean }> {
  if (content.length <= shortBytes) return { content, isDeflated: false };
  const smaller = content.length > longBytes ? await deflateElsewhere(content) : deflateRawSync(content);
  return smaller.length < content.length ? { content: smaller, isDeflated: true } : { content, isDeflated: false };
}
