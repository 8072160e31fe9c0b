import { closeSync, constants, openSync, readSync } from "node:fs";

const { O_NONBLOCK, O_RDONLY } = constants;

/** The system looks at no more of a script. */
const mostBytes = 256;

/** The program that the first line of a script names; undefined for what is no script, or cannot be read. */
export function readInterpreter(file: string): string | undefined {
  const line = firstBytes(file)?.toString("latin1") ?? "";
  return /^#![ \t]*([^ \t\n\0]+)/.exec(line)?.[1];
}

/** Somebody may have put something else in the place of the script by now: nothing is waited for. */
function firstBytes(file: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, O_RDONLY | O_NONBLOCK);
    const buffer = Buffer.alloc(mostBytes);
    return buffer.subarray(0, readSync(fd, buffer, 0, mostBytes, 0));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
