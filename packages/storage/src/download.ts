import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { finished } from "node:stream/promises";
import { withoutSecrets } from "./blob-url.ts";
import { connectionError, send, TransferError, type TransferOptions, withRetries } from "./transfer.ts";

/** What has arrived so far; a broken transfer goes on from here when the server can tell that the blob is the same. */
interface Progress {
  received: number;
  hash: Hash;
  etag: string | undefined;
  md5: string | undefined;
}

/**
 * Fetches an address into a file that is open for writing. A broken transfer is resumed; length and MD5 are checked
 * when the server says them. Answers the size. Rejects with {@link TransferError}, or with the system error when the
 * disk is at fault.
 */
export async function downloadFile(url: string, file: FileHandle, options: TransferOptions): Promise<number> {
  const progress = nothingYet();
  const attempt = () => continueDownload(url, file, progress, options);
  await withRetries(options, attempt, () => progress.received);
  // An earlier try may have got further with a longer blob.
  await file.truncate(progress.received);
  return progress.received;
}

const nothingYet = (): Progress => ({ received: 0, hash: createHash("md5"), etag: undefined, md5: undefined });

async function continueDownload(url: string, file: FileHandle, progress: Progress, options: TransferOptions) {
  if (progress.etag === undefined) Object.assign(progress, nothingYet());
  const headers = progress.received > 0 ? { range: `bytes=${progress.received}-`, "if-match": progress.etag } : {};
  const response = await get(url, headers, options).catch((error: unknown) => {
    // The blob has changed, or the server does not do ranges: the next try is for the whole.
    if (error instanceof TransferError && (error.status === 412 || error.status === 416)) progress.etag = undefined;
    throw error;
  });
  // Without waiting for anything: when the connection breaks, Node throws away what nobody has taken yet.
  if (response.statusCode !== 206) startAgain(response, progress);
  const length = Number(response.headers["content-length"] ?? Number.NaN);
  const end = progress.received + length;
  await receive(url, response, file, progress);
  verify(url, progress, end);
}

function startAgain(response: IncomingMessage, progress: Progress) {
  Object.assign(progress, nothingYet());
  const { etag, "content-md5": md5 } = response.headers;
  // A weak tag does not promise the same bytes.
  progress.etag = etag?.startsWith("W/") ? undefined : etag;
  progress.md5 = typeof md5 === "string" ? md5 : undefined;
}

/** How much is written to the disk at once. */
const batchBytes = 1024 * 1024;

async function receive(url: string, response: IncomingMessage, file: FileHandle, progress: Progress) {
  let batch: Buffer[] = [];
  let bytes = 0;
  let onFull = () => {};
  response.on("data", (chunk: Buffer) => {
    batch.push(chunk);
    bytes += chunk.length;
    if (bytes < batchBytes) return;
    response.pause();
    onFull();
  });
  const over = finished(response).then(
    () => "whole" as const,
    (cause: unknown) => connectionError(url, cause),
  );
  for (;;) {
    const full = new Promise<"full">((resolve) => {
      onFull = () => resolve("full");
    });
    response.resume();
    const outcome = await Promise.race([over, full]);
    await writeAll(file, batch, progress.received);
    if (progress.md5 !== undefined) for (const chunk of batch) progress.hash.update(chunk);
    progress.received += bytes;
    [batch, bytes] = [[], 0];
    if (outcome === "whole") return;
    // The next try goes on behind what has come.
    if (outcome !== "full") throw outcome;
  }
}

async function writeAll(file: FileHandle, chunks: readonly Buffer[], position: number) {
  if (chunks.length === 0) return;
  const { bytesWritten } = await file.writev([...chunks], position);
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (bytesWritten < length)
    await writeAll(file, [Buffer.concat(chunks).subarray(bytesWritten)], position + bytesWritten);
}

function verify(url: string, progress: Progress, end: number) {
  const name = withoutSecrets(url);
  if (!Number.isNaN(end) && progress.received !== end) {
    throw new TransferError(`${name} ended early`, { problem: "failed", isTransient: true });
  }
  const md5 = progress.md5;
  if (md5 === undefined || progress.hash.copy().digest("base64") === md5) return;
  progress.etag = undefined;
  throw new TransferError(`${name} does not have its MD5`, { problem: "failed", isTransient: true });
}

const mostRedirects = 5;

async function get(url: string, headers: object, options: TransferOptions): Promise<IncomingMessage> {
  let address = url;
  for (let count = 0; count <= mostRedirects; count += 1) {
    const response = await send({ method: "GET", url: address, headers: { ...headers } }, options);
    const { location } = response.headers;
    if ((response.statusCode ?? 0) < 300 || location === undefined) return response;
    response.resume();
    address = redirected(location, address);
  }
  throw new TransferError(`${withoutSecrets(url)} redirects too often`, { problem: "failed", isTransient: false });
}

function redirected(location: string, from: string): string {
  const url = URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url.href;
  throw new TransferError(`${withoutSecrets(from)} redirects to no web address`, {
    problem: "failed",
    isTransient: false,
  });
}
