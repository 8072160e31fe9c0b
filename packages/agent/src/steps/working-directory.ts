import { chmod, chown, lstat, mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { hasErrorCode } from "@kyanite/runtime";
import { isDiskFullError, serverFailure } from "../failure.ts";
import { leadsOut } from "../paths.ts";
import type { TaskUser } from "../user.ts";
import type { RunContext } from "./step.ts";

/** Makes the directories of a run. On a retry they are kept as the last run left them. */
export async function prepareDirectories({ order, paths, user }: RunContext): Promise<void> {
  try {
    await mkdir(dirname(paths.task), { recursive: true });
    if (await leadsOut(paths.root, dirname(paths.task))) throw new Error("the directory leads out of the node's root");
    if (!order.keepsDirectory) await rm(paths.task, { recursive: true, force: true });
    for (const directory of [paths.task, paths.working, paths.certificates]) await ensureDirectory(directory, user);
    if (paths.shared !== undefined) await ensureDirectory(paths.shared, user);
  } catch (cause) {
    if (isDiskFullError(cause)) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw serverFailure(
      "ResourceDirectoryCreateFailed",
      "The task directory could not be created",
      { Message: message },
      cause,
    );
  }
}

/** A command may have replaced the directory by a link, or closed it: then it is made anew, or opened again. */
async function ensureDirectory(directory: string, user: TaskUser | undefined): Promise<void> {
  if (!(await isDirectory(directory))) {
    await rm(directory, { force: true });
    await mkdir(directory, { recursive: true });
  }
  await chmod(directory, 0o770);
  if (user) await chown(directory, user.uid, user.gid);
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return false;
    throw error;
  }
}
