import { createWriteStream } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Entry, openPromise } from "yauzl";
import { below } from "./paths.ts";

const mostEntries = 500_000;
const mostBytes = 64 * 1024 ** 3;

/**
 * Unpacks a zip file into a new directory. Entries that would land elsewhere, links and other special files are an
 * error; so is an archive of more than half a million entries or 64 GB. Modes are kept, but everyone may read.
 */
export async function unpack(archive: string, directory: string, signal: AbortSignal): Promise<void> {
  const zip = await openPromise(archive, { autoClose: true, validateEntrySizes: true, strictFileNames: false });
  try {
    if (zip.entryCount > mostEntries) throw new Error("the archive has too many entries");
    await mkdir(directory, { mode: 0o755 });
    let bytes = 0;
    for await (const entry of zip.eachEntry()) {
      signal.throwIfAborted();
      bytes += entry.uncompressedSize;
      if (bytes > mostBytes) throw new Error("the archive is too large");
      const target = targetOf(entry, directory);
      if (entry.fileName.endsWith("/")) await mkdir(target, { recursive: true, mode: 0o755 });
      else await writeEntry(entry, target, async () => zip.openReadStreamPromise(entry), signal);
    }
  } finally {
    zip.close();
  }
}

async function writeEntry(entry: Entry, target: string, openContent: () => Promise<Readable>, signal: AbortSignal) {
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await pipeline(await openContent(), createWriteStream(target), { signal });
  await chmod(target, modeOf(entry));
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
