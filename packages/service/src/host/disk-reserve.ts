import { open, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, hasErrorCode, type Log } from "@kyanite/runtime";

export interface ReserveOptions {
  /** The data directory. */
  readonly directory: string;
  readonly bytes: number;
  readonly clock: Clock;
  readonly log: Log;
}

type Decision = "release" | "make" | "keep";

/** Whether there is next to no room. */
export const isDiskFull = (freeBytes: number, reserveBytes: number) => freeBytes < reserveBytes / 4;

/**
 * So many looks in a row find the disk full before the reserve is given up. Meanwhile every local node, which looks as
 * often, has found that too and ended its tasks; a task that still ran would fill the reserve as well.
 */
const looksBefore = 3;

/**
 * What becomes of the reserve, a file that others cannot fill: it makes room when there is next to none, and is made
 * anew when there is plenty, so that the two do not take turns.
 * @param full how many looks in a row, this one included, have found the disk full
 */
export function decideReserve(
  freeBytes: number,
  { bytes, isHeld, full }: { bytes: number; isHeld: boolean; full: number },
): Decision {
  if (isHeld) return full >= looksBefore ? "release" : "keep";
  return freeBytes >= 4 * bytes ? "make" : "keep";
}

const pause = 1_000;

/** Sees to the reserve until the signal aborts. Without bytes there is none. */
export async function keepReserve(options: ReserveOptions, signal: AbortSignal): Promise<void> {
  const { directory, bytes, clock, log } = options;
  const file = join(directory, "reserve");
  let full = 0;
  for (let isHeld = await isWhole(file, bytes); !signal.aborted; await clock.sleep(pause, signal)) {
    const { bavail, bsize } = await statfs(directory);
    full = isDiskFull(bavail * bsize, bytes) ? full + 1 : 0;
    switch (decideReserve(bavail * bsize, { bytes, isHeld, full })) {
      case "release":
        await rm(file, { force: true });
        log.warn("the disk is full: the server's reserve is used now", { directory, bytes });
        isHeld = false;
        break;
      case "make":
        isHeld = bytes > 0 && (await make(file, bytes, signal));
        break;
      case "keep":
    }
  }
}

async function isWhole(file: string, bytes: number): Promise<boolean> {
  try {
    return (await stat(file)).size === bytes;
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) throw error;
    return false;
  }
}

const piece = Buffer.alloc(1024 * 1024);

/** Answers whether there was room for it. */
async function make(file: string, bytes: number, signal: AbortSignal): Promise<boolean> {
  await using handle = await open(file, "w", 0o600);
  try {
    for (let written = 0; written < bytes && !signal.aborted; )
      written += (await handle.write(piece, 0, Math.min(piece.length, bytes - written))).bytesWritten;
    return true;
  } catch (error) {
    await handle.truncate();
    if (!hasErrorCode(error, "ENOSPC", "EDQUOT")) throw error;
    return false;
  }
}
