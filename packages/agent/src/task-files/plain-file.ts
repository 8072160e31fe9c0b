import { closeSync, constants, fchownSync, fstatSync, openSync, rmSync, type Stats, writeSync } from "node:fs";
import { type Directory, hasErrorCode } from "@kyanite/runtime";
import type { TaskUser } from "../user.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** A plain file that is open. */
export interface OpenFile {
  readonly fd: number;
  readonly stat: Stats;
  [Symbol.dispose](): void;
}

/** There is something else than a plain file of the node: a pipe, a device, a directory, a link to somewhere else. */
export class NotPlainFile extends Error {
  override readonly name = "NotPlainFile";
}

/**
 * Opens a file for reading. Neither a link nor anything else but a plain file is opened, and nothing is waited for.
 * @throws NotPlainFile, and the system's errors
 */
export const openFile = (directory: Directory, name: string) => openPlain(directory, name, O_RDONLY);

interface Ownership {
  /** Whose it becomes; our own when absent. */
  readonly user?: TaskUser | undefined;
  /** Of a file that is made. */
  readonly mode?: number;
}

/** Opens a file for writing at its end, made when it is not there. */
export function openForAppending(directory: Directory, name: string, { user, mode = 0o660 }: Ownership): OpenFile {
  const file = createIfMissing(directory, name, mode) ?? openPlain(directory, name, O_WRONLY | O_APPEND);
  try {
    if (user) fchownSync(file.fd, user.uid, user.gid);
    return file;
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
}

/** The same, and the file is empty. One that was not is another file now, so that who reads the old one reads on. */
export function openEmptied(directory: Directory, name: string, ownership: Ownership): OpenFile {
  const file = openForAppending(directory, name, ownership);
  if (file.stat.size === 0) return file;
  file[Symbol.dispose]();
  rmSync(directory.at(name), { force: true });
  return openForAppending(directory, name, ownership);
}

/** Writes a file that only its user may read, in place of what is there. */
export function writeSecret(directory: Directory, name: string, content: string | Buffer, user?: TaskUser): void {
  rmSync(directory.at(name), { force: true });
  const fd = openSync(directory.at(name), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o400);
  try {
    writeSync(fd, Buffer.from(content));
    if (user) fchownSync(fd, user.uid, user.gid);
  } finally {
    closeSync(fd);
  }
}

function createIfMissing(directory: Directory, name: string, mode: number): OpenFile | undefined {
  try {
    return opened(openSync(directory.at(name), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_APPEND, mode));
  } catch (error) {
    if (hasErrorCode(error, "EEXIST")) return undefined;
    throw error;
  }
}

function openPlain(directory: Directory, name: string, flags: number): OpenFile {
  // A pipe, or a file on which somebody has a lease, would be waited for.
  const file = opened(openWithoutWaiting(directory, name, flags));
  if (file.stat.isFile() && isOfNode(file.stat, directory.stat())) return file;
  file[Symbol.dispose]();
  throw new NotPlainFile(`${name} is not a plain file`);
}

function openWithoutWaiting(directory: Directory, name: string, flags: number): number {
  try {
    return openSync(directory.at(name), flags | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    // A pipe that nobody reads, a socket, a link, a directory that is to be written.
    if (!hasErrorCode(cause, "ENXIO", "ELOOP", "EISDIR", "ENODEV")) throw cause;
    throw new NotPlainFile(`${name} is not a plain file`, { cause });
  }
}

/**
 * Whether a file with several links is the work of whom its directory belongs to, so that none of them is in somebody
 * else's directory: on some machines everybody may make a hard link to a file that is closed to them.
 */
const isOfNode = (file: Stats, directory: Stats) =>
  file.nlink === 1 || (file.uid === directory.uid && (directory.mode & 0o002) === 0);

function opened(fd: number): OpenFile {
  return { fd, stat: fstatSync(fd), [Symbol.dispose]: () => closeSync(fd) };
}
