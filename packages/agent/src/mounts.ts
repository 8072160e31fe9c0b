import { symlinkSync, unlinkSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { NodeMount } from "@kyanite/contract";
import { type Clock, Directory, hasErrorCode } from "@kyanite/runtime";
import { isDiskFullError, messageOf, StepFailure, userFailure } from "./failure.ts";
import { namesBelow } from "./paths.ts";
import { makeDirectories } from "./task-files/directories.ts";
import { NameReader } from "./task-files/names.ts";
import { NotPlainFile, openForAppending } from "./task-files/plain-file.ts";
import { Walk } from "./task-files/walk.ts";

/**
 * Lets a node's tasks find shares below its mounts directory: as links to the directories of the machine that stand
 * for them, which need no rights and are never deleted along with the node.
 * @throws StepFailure for the first share that is not there
 */
export async function placeMounts(path: string, mounts: readonly NodeMount[], clock: Clock): Promise<void> {
  using root = Directory.open(path);
  using place = root.enter("fsmounts");
  await removeLinks(place, new Set(mounts.map((mount) => namesBelow(mount.path)?.join("/") ?? "")), clock);
  for (const mount of mounts) await placeMount(place, mount);
}

async function placeMount(place: Directory, { path, source, directory }: NodeMount): Promise<void> {
  const log = `fshare-${path.replaceAll("/", "-")}.log`;
  const failure = (reason: string) => mountFailure(path, reason);
  try {
    const names = namesBelow(path) ?? [];
    const name = names.at(-1);
    if (name === undefined) throw failure("The path leaves the mounts directory");
    if (directory === undefined)
      throw failure(`No directory of the machine stands for ${source} (setting mountSources)`);
    if (!(await isDirectory(directory)))
      throw failure(`There is no directory ${directory}, which stands for ${source}`);
    using parent = enterParent(place, names.slice(0, -1), failure);
    const found = parent.lstat(name);
    if (found?.isSymbolicLink()) unlinkSync(parent.at(name));
    else if (found) throw failure("There is something else at the path");
    symlinkSync(directory, parent.at(name));
    writeLog(place, log, `${source} is ${directory}`);
  } catch (cause) {
    writeLog(place, log, message(cause));
    throw cause;
  }
}

function enterParent(place: Directory, names: readonly string[], failure: (reason: string) => StepFailure): Directory {
  try {
    return makeDirectories(place, names);
  } catch (cause) {
    if (!hasErrorCode(cause, "ENOTDIR", "ELOOP")) throw cause;
    throw failure("A link or a file is in the way");
  }
}

/** Commands may write to the mounts directory: a log that one has put something else in the place of is not written. */
function writeLog(place: Directory, name: string, line: string): void {
  try {
    using log = openForAppending(place, name, { mode: 0o644 });
    writeSync(log.fd, `${line}\n`);
  } catch (error) {
    if (!(error instanceof NotPlainFile) && !isDiskFullError(error)) throw error;
  }
}

function message(cause: unknown): string {
  if (cause instanceof StepFailure) return cause.failure.details.map(({ value }) => value).join(": ");
  return messageOf(cause);
}

function mountFailure(path: string, reason: string): StepFailure {
  return userFailure("Mount Configuration Error", "An error was encountered while configuring a mount", {
    Message: reason,
    MountConfigurationPath: path,
  });
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR", "EACCES")) return false;
    throw error;
  }
}

/** Links that an earlier life of the node had and this one has not. */
async function removeLinks(place: Directory, keep: ReadonlySet<string>, clock: Clock): Promise<void> {
  using walk = new Walk(place, new NameReader(clock));
  for (let found = await walk.next(); found; found = await walk.next()) {
    const { directory, name, path } = found;
    const stat = directory.lstat(name);
    if (stat?.isSymbolicLink() && !keep.has(path)) unlinkSync(directory.at(name));
    else if (stat?.isDirectory()) walk.enter();
  }
}
