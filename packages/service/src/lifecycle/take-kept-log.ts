import { createHash } from "node:crypto";
import type { BlobPlace, StorageAccounts } from "../domain/account/storage.ts";
import { jobContainerName, runLogBlob, taskLogBlob } from "../domain/run/conventions.ts";
import type { Sql } from "../store/database.ts";
import { type AnnouncedLog, readAnnouncedLog, saveLogBlob, saveLogContent } from "../store/kept-logs.ts";
import { readPastRunSizes } from "../store/past-runs.ts";
import { inflated } from "./kept-files.ts";

export interface TakeKeptLogParts {
  readonly database: Sql;
  readonly storage: Pick<StorageAccounts, "names" | "createBlob" | "deleteBlob">;
  /** What all accounts together may have in the database; nobody brings anything while it is far more. */
  readonly mostBytes: number;
  /** Told why a file goes to the database, although there is a linked account. */
  onNotWritten(place: BlobPlace, cause: unknown): void;
}

/** A file that did not fit into its run's report, as its agent sends it. */
export interface SentLog {
  readonly nodePk: number;
  readonly runId: string;
  readonly number: number;
  readonly content: Buffer;
}

/**
 * Puts a file away that was announced in its run's report: into the storage account that is linked with the account, or
 * else into the database.
 * @returns why not, when nobody wants it, or it is not what was announced
 * @throws BatchError ServerBusy while the storage does not answer
 */
export async function takeKeptLog(
  parts: TakeKeptLogParts,
  sent: SentLog,
): Promise<"taken" | "unknown" | "wrong" | "full"> {
  const announced = await readAnnouncedLog(parts.database, sent);
  if (announced === undefined) return "unknown";
  if (announced.hasCome) return "taken";
  const { isDeflated, contentBytes } = announced.file;
  const plain = isDeflated ? await inflated(sent.content) : sent.content;
  if (plain?.length !== contentBytes) return "wrong";
  if (await saveAsBlob(parts, sent, { announced, plain })) return "taken";
  if (await isOverfull(parts)) return "full";
  await saveLogContent(parts.database, sent, sent.content);
  return "taken";
}

/** Whether more comes than is forgotten meanwhile. */
async function isOverfull({ database, mostBytes }: TakeKeptLogParts): Promise<boolean> {
  const sizes = await readPastRunSizes(database);
  return sizes.reduce((total, { bytes }) => total + bytes, 0) > 2 * mostBytes;
}

/** Answers false where that cannot be: there is no linked account, or it does not let us write. */
async function saveAsBlob(
  { database, storage, onNotWritten }: TakeKeptLogParts,
  { runId, number }: SentLog,
  { announced, plain }: { readonly announced: AnnouncedLog; readonly plain: Buffer },
): Promise<boolean> {
  const { storageAccount } = announced;
  if (storageAccount === null || !storage.names.includes(storageAccount)) return false;
  for (const place of placesOf(announced, storageAccount, runId)) {
    const etag = await storage
      .createBlob({ ...place, content: plain, contentType: contentTypeOf(plain), author: runId })
      .catch((cause: unknown) => {
        if (cause instanceof Error && "code" in cause && cause.code === "ServerBusy") throw cause;
        onNotWritten(place, cause);
        return undefined;
      });
    if (etag === undefined) continue;
    // The task may have been deleted meanwhile.
    const isWanted = await saveLogBlob(database, { runId, number }, { ...place, etag });
    if (!isWanted) await storage.deleteBlob({ ...place, etag });
    return true;
  }
  return false;
}

/** The name by which the conventions look for it belongs to the run with which the task has ended, if it is free. */
function placesOf({ jobId, taskId, isLast, file }: AnnouncedLog, storageAccount: string, runId: string): BlobPlace[] {
  const container = jobContainerName(jobId, (text) => createHash("sha1").update(text).digest("hex"));
  const blobs = [...(isLast ? [taskLogBlob(taskId, file.path)] : []), runLogBlob(taskId, runId, file.path)];
  return blobs.map((blob) => ({ storageAccount, container, blob }));
}

/** As a browser should show it. */
const contentTypeOf = (content: Buffer) =>
  content.subarray(0, 512).includes(0) ? "application/octet-stream" : "text/plain";
