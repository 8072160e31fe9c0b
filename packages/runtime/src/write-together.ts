import type { Writable } from "node:stream";

/** Writes to a stream so that all that is written to it in one turn of the event loop goes out in one system call. */
export function writeTogether(stream: Writable, write: () => void): void {
  stream.cork();
  try {
    write();
  } finally {
    process.nextTick(() => stream.uncork());
  }
}
