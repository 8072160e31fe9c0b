import { closeSync, createWriteStream, fchmodSync, openSync, rmSync } from "node:fs";
import { statfs } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import type { Directory } from "@kyanite/runtime";
import { type Entry, fromFdPromise, type ZipFile } from "yauzl";
import { namesBelow } from "./paths.ts";
import { makeDirectories } from "./task-files/directories.ts";

export interface UnpackLimits {
  readonly mostEntries: number;
  readonly mostBytes: number;
}

const packageLimits: UnpackLimits = { mostEntries: 500_000, mostBytes: 64 * 1024 ** 3 };

/** Opens the archive; whoever calls it closes the descriptor. */
type OpenArchive = () => number;

/**
 * Unpacks a zip file into an empty directory. Entries that would land elsewhere, links and other special files
 * are an error; so is an archive of more than half a million entries or 64 GB, or more than the disk has room for. All
 * of that is found out before anything is written, and every entry gets the length and checksum that the archive says.
 * Modes are kept, but everyone may read.
 */
export async function unpack(
  openArchive: OpenArchive,
  directory: Directory,
  signal: AbortSignal,
  limits: UnpackLimits = packageLimits,
): Promise<void> {
  await withArchive(openArchive, (zip) => checkEntries(zip, directory, signal, limits));
  await withArchive(openArchive, async (zip) => {
    for await (const entry of zip.eachEntry()) {
      signal.throwIfAborted();
      const names = namesOf(entry);
      if (entry.fileName.endsWith("/")) makeDirectories(directory, names, rights).close();
      else await writeEntry(entry, { directory, names, open: () => zip.openReadStreamPromise(entry), signal });
    }
  });
}

const rights = { mode: 0o755 };

async function withArchive(openArchive: OpenArchive, use: (zip: ZipFile) => Promise<void>): Promise<void> {
  const zip = await readArchive(openArchive());
  try {
    await use(zip);
  } finally {
    // Closes the descriptor as well.
    zip.close();
  }
}

async function readArchive(fd: number): Promise<ZipFile> {
  try {
    return await fromFdPromise(fd, { autoClose: false, validateEntrySizes: true, strictFileNames: false });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Stored and deflated, which is all that is in use. */
const readableMethods: readonly number[] = [0, 8];

async function checkEntries(zip: ZipFile, directory: Directory, signal: AbortSignal, limits: UnpackLimits) {
  if (zip.entryCount > limits.mostEntries) throw new Error("the archive has too many entries");
  const { bavail, bsize } = await statfs(directory.path);
  let bytes = 0;
  for await (const entry of zip.eachEntry()) {
    signal.throwIfAborted();
    namesOf(entry);
    if (entry.isEncrypted()) throw new Error(`${entry.fileName} is encrypted`);
    if (!readableMethods.includes(entry.compressionMethod))
      throw new Error(`${entry.fileName} is compressed in a way that is not known here`);
    bytes += entry.uncompressedSize;
    if (bytes > limits.mostBytes) throw new Error("the archive is too large");
    if (bytes > bavail * bsize) throw new Error("the archive needs more room than the disk has");
  }
}

interface Target {
  readonly directory: Directory;
  readonly names: readonly string[];
  readonly signal: AbortSignal;
  open(): Promise<Readable>;
}

async function writeEntry(entry: Entry, target: Target): Promise<void> {
  using parent = makeDirectories(target.directory, target.names.slice(0, -1), rights);
  const content = await target.open();
  const output = createWriteStream("", { fd: createNew(parent, target.names.at(-1) ?? "", modeOf(entry)) });
  await pipeline(content, checked(entry), output, { signal: target.signal });
}

/** Of entries with the same name the last one stays. */
function createNew(parent: Directory, name: string, mode: number): number {
  rmSync(parent.at(name), { force: true });
  const fd = openSync(parent.at(name), "wx");
  fchmodSync(fd, mode);
  return fd;
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

function namesOf(entry: Entry): readonly string[] {
  const type = unixMode(entry) & fileTypes.mask;
  if (type !== fileTypes.unknown && type !== fileTypes.regular && type !== fileTypes.directory) {
    throw new Error(`${entry.fileName} is a link or another special file`);
  }
  const names = namesBelow(entry.fileName);
  if (names === undefined) throw new Error(`${entry.fileName} leaves the package's directory`);
  return names;
}

/** Archives made on Windows say nothing of modes: then everything may be executed. */
function modeOf(entry: Entry): number {
  const mode = unixMode(entry) & 0o777;
  return mode === 0 ? 0o755 : mode | 0o444;
}
