import {
  copyFileSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "./clock.ts";
import { hasErrorCode } from "./files.ts";

/** What a log may grow to before it is put aside; so a log takes twice as much at most. */
const largestLogBytes = 5_000_000;

/**
 * Appends to a log and keeps it from growing without end. A line that the disk does not take is dropped: whoever logs
 * has more important things to do than to end for that.
 */
export function openLogFile(file: string): { write(text: string): void } {
  mkdirSync(dirname(file), { recursive: true });
  const descriptor = openSync(file, "a", 0o600);
  let size = fstatSync(descriptor).size;
  return {
    write(text) {
      try {
        size += writeSync(descriptor, text);
        if (size <= largestLogBytes) return;
        putAside(file, () => ftruncateSync(descriptor));
        size = 0;
      } catch (error) {
        if (!hasErrorCode(error, "ENOSPC", "EDQUOT", "EIO", "EAGAIN")) throw error;
      }
    },
  };
}

/** Puts a log aside, as `<file>.1`, when it is large; whoever has it open goes on writing to its beginning. */
export function boundLogFile(file: string): void {
  try {
    if (statSync(file).size > largestLogBytes) putAside(file, () => truncateSync(file));
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) throw error;
  }
}

/** Keeps a log that another process writes from growing without end, until `signal` aborts. */
export async function keepLogFileBounded(file: string, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    boundLogFile(file);
    await clock.sleep(60_000, signal);
  }
}

function putAside(file: string, empty: () => void): void {
  try {
    copyFileSync(file, `${file}.1`);
  } catch {
    rmSync(`${file}.1`, { force: true });
  }
  empty();
}
