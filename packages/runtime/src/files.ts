import { randomUUID } from "node:crypto";
import { read } from "node:fs";
import { open, readFile, rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { promisify } from "node:util";

/** Whether `error` is one of Node's system errors with one of these codes, such as `ENOENT`. */
export function hasErrorCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.some((code) => error.code === code);
}

/** The text of a file, or undefined when there is no such file. */
export async function readTextIfExists(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return undefined;
    // The error of a directory names none.
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  }
}

/**
 * Replaces a file as a whole: readers, and a machine that loses power, see the old text or the new one, never a part.
 * Only our own user may read it, unless `mode` says otherwise.
 */
export async function writeFileAtomically(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    const file = await open(draft, "wx", mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    // Errors of an open file name none.
    throw error instanceof Error ? Object.assign(error, { path }) : error;
  }
}

const chunkBytes = 128 * 1024;

/**
 * The bytes of an open file from `start` to before `end`. A file that ends earlier ends them with an error, so that
 * nobody waits for the rest. The file may be closed when the stream has closed.
 */
export function readPart(fd: number, start: number, end: number): Readable {
  return Readable.from(chunks(fd, start, end), { objectMode: false });
}

async function* chunks(fd: number, start: number, end: number): AsyncGenerator<Buffer> {
  for (let position = start; position < end; ) {
    const length = Math.min(chunkBytes, end - position);
    const { bytesRead, buffer } = await promisify(read)(fd, Buffer.allocUnsafe(length), 0, length, position);
    if (bytesRead === 0) throw new Error("The file has become shorter while it was read");
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
