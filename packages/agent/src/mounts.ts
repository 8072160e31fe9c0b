import { constants, lstat, mkdir, open, readdir, rm, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { NodeMount } from "@kyanite/contract";
import { hasErrorCode } from "@kyanite/runtime";
import { StepFailure, userFailure } from "./failure.ts";
import { below, leadsOut } from "./paths.ts";

/**
 * Lets a node's tasks find shares below its mounts directory: as links to the directories of the machine that stand
 * for them, which need no rights and are never deleted along with the node.
 * @throws StepFailure for the first share that is not there
 */
export async function placeMounts(root: string, mounts: readonly NodeMount[]): Promise<void> {
  const place = join(root, "fsmounts");
  await removeLinks(place, new Set(mounts.map(({ path }) => join(place, path))));
  for (const mount of mounts) await placeMount(place, mount);
}

async function placeMount(place: string, { path, source, directory }: NodeMount): Promise<void> {
  const log = join(place, `fshare-${path.replaceAll("/", "-")}.log`);
  const failure = (reason: string) => mountFailure(path, reason);
  try {
    const link = below(place, path);
    if (link === undefined || link === place) throw failure("The path leaves the mounts directory");
    if (directory === undefined)
      throw failure(`No directory of the machine stands for ${source} (setting mountSources)`);
    if (!(await isDirectory(directory)))
      throw failure(`There is no directory ${directory}, which stands for ${source}`);
    if (leadsOut(place, dirname(link))) throw failure("The path leaves the mounts directory");
    await mkdir(dirname(link), { recursive: true });
    const found = await lstat(link).catch(() => undefined);
    if (found?.isSymbolicLink()) await rm(link);
    else if (found) throw failure("There is something else at the path");
    await symlink(directory, link);
    await writeLog(log, `${source} is ${directory}`);
  } catch (cause) {
    await writeLog(log, message(cause)).catch(() => {});
    throw cause;
  }
}

/** Commands may write to the mounts directory: a link that one has put in the log's place is not followed. */
async function writeLog(file: string, line: string): Promise<void> {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
  await using log = await open(file, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o644);
  await log.write(`${line}\n`);
}

function message(cause: unknown): string {
  if (cause instanceof StepFailure) return cause.failure.details.map(({ value }) => value).join(": ");
  return cause instanceof Error ? cause.message : String(cause);
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
async function removeLinks(directory: string, keep: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isSymbolicLink() && !keep.has(path)) await rm(path);
    else if (entry.isDirectory()) await removeLinks(path, keep);
  }
}
