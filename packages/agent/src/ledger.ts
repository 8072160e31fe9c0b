import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { readTextIfExists } from "@kyanite/runtime";
import { isDiskFullError } from "./failure.ts";

/**
 * A file of JSON lines, of which the later ones replace the earlier: a change costs one small write. Not synced, and
 * written without waiting: it shall survive its process, not the machine, and the calls are cheaper than their way
 * through Node's thread pool.
 */
export interface Ledger {
  /** @throws the system's error when the disk is full, and the room that the file has of its own as well */
  append(entry: unknown): void;
  close(): void;
}

export interface LedgerOptions {
  readonly file: string;
  /** Everything that still counts: what the file is shortened to, now and when it has grown. */
  readonly current: () => readonly unknown[];
}

/** Blanks behind the lines, for those to come: they are on the disk already, so that nobody else can take their place. */
const leastRoom = 512 * 1024;
/** With so much of it left the file is shortened; while the disk is full that fails, and the rest has to do. */
const lastRoom = 64 * 1024;

export function openLedger({ file, current }: LedgerOptions): Ledger {
  let open = rewriteOrGoOn(file, current());
  /** Where the file is shortened next. */
  let limit = open.size - lastRoom;
  let isBehind = false;
  const shorten = () => {
    try {
      const next = rewrite(file, current());
      closeSync(open.descriptor);
      open = next;
      limit = open.size - lastRoom;
      isBehind = false;
    } catch (error) {
      if (!isDiskFullError(error)) throw error;
      limit = Math.max(limit, open.end) + lastRoom / 8;
    }
  };
  return {
    append(entry) {
      if (open.end >= limit || isBehind) shorten();
      // What counts is in `current` in any case: it is on the disk as soon as the file can be written anew.
      isBehind = true;
      writeAll(open, Buffer.from(lineOf(entry)));
      isBehind = false;
    },
    close: () => closeSync(open.descriptor),
  };
}

interface OpenFile {
  readonly descriptor: number;
  /** Of the lines; blanks follow, up to `size`. */
  end: number;
  readonly size: number;
}

/** A file with these lines and room in place of the old one. */
function rewrite(file: string, entries: readonly unknown[]): OpenFile {
  const lines = Buffer.from(entries.map(lineOf).join(""));
  const size = lines.length + Math.max(leastRoom, lines.length);
  try {
    writeFileSync(`${file}.new`, Buffer.concat([lines, Buffer.alloc(size - lines.length, " ")]), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch (error) {
    rmSync(`${file}.new`, { force: true });
    throw error;
  }
  return { descriptor: openSync(file, "r+"), end: lines.length, size };
}

/** On a full disk the file goes on as it is, if it is there. */
function rewriteOrGoOn(file: string, entries: readonly unknown[]): OpenFile {
  try {
    return rewrite(file, entries);
  } catch (error) {
    if (!isDiskFullError(error)) throw error;
    const descriptor = openSync(file, "r+");
    const end = Buffer.byteLength(readFileSync(file, "utf8").trimEnd());
    const open = { descriptor, end, size: statSync(file).size };
    writeAll(open, Buffer.from("\n"));
    return open;
  }
}

/** A part of a line that is on the disk is written over by the next one. */
function writeAll(open: OpenFile, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; )
    written += writeSync(open.descriptor, bytes, written, bytes.length - written, open.end + written);
  open.end += bytes.length;
}

const lineOf = (entry: unknown) => `${JSON.stringify(entry)}\n`;

/** The entries of a ledger, oldest first. A line that was cut off by a crash is passed over. */
export async function readLedger(file: string): Promise<readonly unknown[]> {
  return parseLedger((await readTextIfExists(file)) ?? "");
}

export function parseLedger(text: string): readonly unknown[] {
  return text.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}
