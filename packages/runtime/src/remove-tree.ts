import { randomUUID } from "node:crypto";
import { chmodSync, closeSync, constants, fchmodSync, fchownSync, opendirSync, openSync } from "node:fs";
import { rename, rmdir, unlink } from "node:fs/promises";
import { systemClock } from "./clock.ts";
import { type Directory, isEntryName } from "./directory.ts";
import { nameOfText } from "./entry-names.ts";
import { hasErrorCode } from "./files.ts";

/** Somebody may go on filling a directory while it is removed, so it is not tried for ever. */
const mostTries = 10;
const longestMilliseconds = 600_000;

/** How many entries are removed at the same time. */
const atOnce = 32;

/**
 * Removes an entry with all that is in it; nothing happens when there is none. No link is followed, directories that
 * their owner closed are opened, and however deep the tree is, a few directories are open at a time: what lies deeper is
 * moved to the top first.
 * @throws ENOTEMPTY when it is filled faster than it is emptied
 */
export async function removeTree(parent: Directory, name: string): Promise<void> {
  if (!isEntryName(name)) throw new Error(`not the name of a directory's entry: ${JSON.stringify(name)}`);
  const entry = nameOfText(name);
  const latest = systemClock.now().getTime() + longestMilliseconds;
  for (let tries = 1; !(await isRemoved(parent, entry)); tries += 1) {
    if (tries > mostTries) throw beingFilled();
    using top = openFully(parent, entry);
    if (top) await emptyTree(top, latest);
  }
}

const beingFilled = () => Object.assign(new Error("The directory is being filled"), { code: "ENOTEMPTY" });

type RemovalCall = (path: Buffer) => Promise<void>;

/** Whether an entry is gone now: false for a directory that is not empty. */
async function isRemoved(
  parent: Directory,
  name: Buffer,
  [first, second]: readonly [RemovalCall, RemovalCall?] = [unlink, rmdir],
): Promise<boolean> {
  const path = parent.atBytes(name);
  try {
    await first(path);
    return true;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return true;
    if (hasErrorCode(error, ...isFull)) return false;
    if (!second || !hasErrorCode(error, ...isOfOtherKind)) throw error;
    return isRemoved(parent, name, [second]).catch((other: unknown) => {
      throw hasErrorCode(other, ...isOfOtherKind) ? error : other;
    });
  }
}

const isFull = ["ENOTEMPTY", "EEXIST"];
/** A directory, or none, as Linux and as others say it. */
const isOfOtherKind = ["EISDIR", "ENOTDIR", "EPERM"];

/** So many directories of a tree are open at a time. */
const mostOpen = 6;

interface Removal {
  readonly top: Directory;
  /** In milliseconds since 1970. */
  readonly latest: number;
  /** Directories that were moved to the top, and are still to be removed. */
  readonly raised: Buffer[];
}

async function emptyTree(top: Directory, latest: number): Promise<void> {
  const removal: Removal = { top, latest, raised: [] };
  await empty(top, 1, removal);
  for (let name = removal.raised.pop(); name; name = removal.raised.pop()) await removeDirectory(top, name, 1, removal);
}

/** Removes what is in a directory. What is too deep in the tree is only moved to its top. */
async function empty(directory: Directory, depth: number, removal: Removal): Promise<void> {
  const inner: Buffer[] = [];
  const remove = async (name: Buffer) => {
    if (!(await isRemoved(directory, name))) inner.push(name);
  };
  for (const entries of batchesIn(directory)) {
    for (const { name, isDirectory } of entries) if (isDirectory) inner.push(name);
    await Promise.all(entries.map(({ name, isDirectory }) => (isDirectory ? undefined : remove(name))));
    for (let name = inner.pop(); name; name = inner.pop()) {
      if (depth < mostOpen) await removeDirectory(directory, name, depth, removal);
      else removal.raised.push(await raise(directory, name, removal.top));
    }
    if (systemClock.now().getTime() > removal.latest) throw beingFilled();
  }
}

async function removeDirectory(parent: Directory, name: Buffer, depth: number, removal: Removal): Promise<void> {
  using directory = openFully(parent, name);
  if (directory) await empty(directory, depth + 1, removal);
  await isRemoved(parent, name, [rmdir, unlink]);
}

/** The entries of a directory, some at a time. Reading them takes less than asking another thread to do it. */
function* batchesIn(directory: Directory) {
  // Names need not be text: in this encoding every byte is a character.
  const opened = opendirSync(directory.path, { encoding: "latin1" });
  try {
    for (let entry = opened.readSync(); entry; ) {
      const batch = [];
      for (; entry && batch.length < atOnce; entry = opened.readSync())
        batch.push({ name: Buffer.from(entry.name, "latin1"), isDirectory: entry.isDirectory() });
      yield batch;
    }
  } finally {
    opened.closeSync();
  }
}

/** Moves a directory to the top of the tree that is removed. */
async function raise(from: Directory, name: Buffer, top: Directory): Promise<Buffer> {
  const raised = Buffer.from(`.removed-${randomUUID()}`);
  const move = () => rename(from.atBytes(name), top.atBytes(raised));
  try {
    await move();
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return raised;
    if (!hasErrorCode(error, "EACCES", "EPERM")) throw error;
    takeRights(from, name);
    await move();
  }
  return raised;
}

/** Opens a directory so that all can be done in it; undefined when it is gone, or is no directory any more. */
function openFully(parent: Directory, name: Buffer): Directory | undefined {
  try {
    return openWithRights(parent, name);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

function openWithRights(parent: Directory, name: Buffer): Directory {
  try {
    const directory = parent.enter(name);
    closeToOthers(directory);
    return directory;
  } catch (error) {
    if (!hasErrorCode(error, "EACCES")) throw error;
    takeRights(parent, name);
    return parent.enter(name);
  }
}

/** As root: from now on its owner can put nothing in it any more, also where it has it open. */
function closeToOthers(directory: Directory): void {
  const us = process.getuid?.();
  if (us === 0) fchownSync(directory.fd, 0, 0);
  const { uid, mode } = directory.stat();
  if (uid === us && (mode & 0o777) !== 0o700) fchmodSync(directory.fd, 0o700);
}

/** Opens a directory itself, for which no right to read it is needed. Node has no name for it, and only Linux has it. */
const O_PATH = 0o10000000;

/** Opens to ourselves a directory of ours that is closed. */
function takeRights(parent: Directory, name: Buffer): void {
  const path = parent.atBytes(name);
  if (process.platform !== "linux") {
    chmodSync(path, 0o700);
    return;
  }
  const fd = openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    chmodSync(`/proc/self/fd/${fd}`, 0o700);
  } finally {
    closeSync(fd);
  }
}
