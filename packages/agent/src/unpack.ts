import { createWriteStream } from "node:fs";
import { chmod, mkdir, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { below } from "./paths.ts";

export interface UnpackLimits {
  readonly mostEntries: number;
  readonly mostBytes: number;
}

const packageLimits: UnpackLimits = { mostEntries: 500_000, mostBytes: 64 * 1024 ** 3 };

/**
 * Unpacks a zip file into a new directory. Entries that would land elsewhere, links and other special files are an
 * error; so is an archive of more than half a million entries or 64 GB, or more than the disk has room for. All of
 * that is found out before anything is written, and every entry gets the length and checksum that the archive says.
 * Modes are kept, but everyone may read.
 */
export async function unpack(
  archive: string,
  directory: string,
  signal: AbortSignal,
  limits: UnpackLimits = packageLimits,
): Promise<void> {
  await withArchive(archive, (zip) => checkEntries(zip, directory, signal, limits));
  await withArchive(archive, async (zip) => {
    await mkdir(directory, { mode: 0o755 });
    for await (const entry of zip.eachEntry()) {
      signal.throwIfAborted();
      const target = targetOf(entry, directory);
      if (entry.fileName.endsWith("/")) await mkdir(target, { recursive: true, mode: 0o755 });
      else await writeEntry(entry, target, async () => zip.openReadStreamPromise(entry), signal);
    }
  });
}

async function withArchive(archive: string, use: (zip: ZipFile) => Promise<void>): Promise<void> {
  const zip = await openPromise(archive, { autoClose: false, validateEntrySizes: true, strictFileNames: false });
  try {
    await use(zip);
  } finally {
    zip.close();
  }
}

/** Stored and deflated, which is all that is in use. */
const readableMethods: readonly number[] = [0, 8];

async function checkEntries(zip: ZipFile, directory: string, signal: AbortSignal, limits: UnpackLimits) {
  if (zip.entryCount > limits.mostEntries) throw new Error("the archive has too many entries");
  const { bavail, bsize } = await statfs(dirname(directory));
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    signal.throwIfAborted();
    targetOf(entry, directory);
    if (entry.isEncrypted()) throw new Error(`${entry.fileName} is encrypted`);
    if (!readableMethods.includes(entry.compressionMethod))
      throw new Error(`${entry.fileName} is compressed in a way that is not known here`);
    bytes += entry.uncompressedSize;
    if (bytes > limits.mostBytes) throw new Error("the archive is too large");
    if (bytes > bavail * bsize) throw new Error("the archive needs more room than the disk has");
  }
}

async function writeEntry(entry: Entry, target: string, openContent: () => Promise<Readable>, signal: AbortSignal) {
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await pipeline(await openContent(), checked(entry), createWriteStream(target), { signal });
  await chmod(target, modeOf(entry));
}

function checked(entry: Entry) {
  return async function* (content: AsyncIterable<Buffer>) {
    let checksum = 0;
    for await (const chunk of content) {
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
    if (checksum !== entry.crc32) throw new Error(`${entry.fileName} is damaged`);
  };
}

const unixMode = (entry: Entry) => (entry.versionMadeBy >>> 8 === 3 ? entry.externalFileAttributes >>> 16 : 0);

const fileTypes = { mask: 0o170000, unknown: 0, regular: 0o100000, directory: 0o040000 } as const;

function targetOf(entry: Entry, directory: string): string {
  const type = unixMode(entry) & fileTypes.mask;
  if (type !== fileTypes.unknown && type !== fileTypes.regular && type !== fileTypes.directory) {
    throw new Error(`${entry.fileName} is a link or another special file`);
  }
  const target = below(directory, entry.fileName);
  if (target === undefined) throw new Error(`${entry.fileName} leaves the package's directory`);
  return target;
}

/** Archives made on Windows say nothing of modes: then everything may be executed. */
function modeOf(entry: Entry): number {
  const mode = unixMode(entry) & 0o777;
  return mode === 0 ? 0o755 : mode | 0o444;
}
