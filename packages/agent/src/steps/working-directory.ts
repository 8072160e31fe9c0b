import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { OrderedCertificate } from "@kyanite/contract";
import { hasErrorCode } from "@kyanite/runtime";
import { isDiskFullError, serverFailure } from "../failure.ts";
import { hasLink } from "../paths.ts";
import { removeTree } from "../remove-tree.ts";
import type { TaskUser } from "../user.ts";
import type { RunContext } from "./step.ts";

/**
 * Makes the directories of a run. On a retry they are kept as the last run left them. Small calls are not waited for:
 * every run makes a dozen, and they cost less than their way through Node's thread pool.
 */
export async function prepareDirectories({ order, paths, user }: RunContext): Promise<void> {
  try {
    mkdirSync(dirname(paths.task), { recursive: true });
    if (hasLink(paths.root, dirname(paths.task))) throw new Error("a directory above it is a link");
    if (!order.keepsDirectory && lstatSync(paths.task, { throwIfNoEntry: false })) await removeTree(paths.task);
    for (const directory of [paths.task, paths.working, paths.certificates]) await ensureDirectory(directory, user);
    for (const certificate of order.certificates ?? []) writeCertificate(paths.certificates, certificate, user);
    if (paths.shared !== undefined) await ensureDirectory(paths.shared, user);
  } catch (cause) {
    if (isDiskFullError(cause)) throw cause;
    const details = { Message: cause instanceof Error ? cause.message : String(cause) };
    throw serverFailure("ResourceDirectoryCreateFailed", "The task directory could not be created", details, cause);
  }
}

/** A command may have replaced the directory by a link, or closed it: then it is made anew, or opened again. */
async function ensureDirectory(directory: string, user: TaskUser | undefined): Promise<void> {
  if (!isMade(directory) && !lstatSync(directory).isDirectory()) {
    await rm(directory, { force: true });
    mkdirSync(directory);
  }
  chmodSync(directory, 0o770);
  if (user) chownSync(directory, user.uid, user.gid);
}

/** Makes a directory, unless something is there. */
function isMade(directory: string): boolean {
  try {
    mkdirSync(directory);
    return true;
  } catch (error) {
    if (hasErrorCode(error, "EEXIST")) return false;
    throw error;
  }
}

/** Only the run's own user may read it. */
function writeCertificate(
  directory: string,
  { fileName, data, password }: OrderedCertificate,
  user: TaskUser | undefined,
): void {
  const write = (name: string, content: string | Buffer) => {
    const path = join(directory, name);
    rmSync(path, { force: true });
    writeFileSync(path, content, { mode: 0o400, flag: "wx" });
    if (user) chownSync(path, user.uid, user.gid);
  };
  write(fileName, Buffer.from(data, "base64"));
  if (password !== undefined) write(`${fileName}.pw`, password);
}
