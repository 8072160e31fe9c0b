import type { OrderedCertificate } from "@kyanite/contract";
import { Directory, removeTree } from "@kyanite/runtime";
import { isDiskFullError, messageOf, serverFailure } from "../failure.ts";
import { namesBetween } from "../paths.ts";
import { ensureDirectory, makeDirectories } from "../task-files/directories.ts";
import { writeSecret } from "../task-files/plain-file.ts";
import type { TaskUser } from "../user.ts";
import type { RunContext } from "./step.ts";

/**
 * Makes the directories of a run and opens the task's. On a retry they are kept as the last run left them. Small calls
 * are not waited for: every run makes a dozen, and they cost less than their way through Node's thread pool.
 */
export async function prepareDirectories(run: RunContext): Promise<Directory> {
  try {
    return await makeTaskDirectory(run);
  } catch (cause) {
    if (isDiskFullError(cause)) throw cause;
    const details = { Message: messageOf(cause) };
    throw serverFailure("ResourceDirectoryCreateFailed", "The task directory could not be created", details, cause);
  }
}

/** Opens the directory of a task that has it already. */
export async function enterDirectory({ paths, directories }: RunContext): Promise<Directory> {
  return directories.enter(namesBetween(paths.root, paths.task));
}

const mode = 0o770;

/** A command may have replaced a directory by a link, or closed it: then it is made anew, or opened again. */
async function makeTaskDirectory({ order, paths, user, directories }: RunContext): Promise<Directory> {
  const names = namesBetween(paths.root, paths.task);
  const name = names.at(-1) ?? "";
  using parent = directories.enter(names.slice(0, -1));
  if (!order.keepsDirectory && parent.lstat(name)) await removeTree(parent, name);
  const task = ensureDirectory(parent, name, { mode, user });
  try {
    ensureDirectory(task, "wd", { mode, user }).close();
    using certificates = ensureDirectory(task, "certs", { mode, user });
    for (const certificate of order.certificates ?? []) writeCertificate(certificates, certificate, user);
    // It may lie in the task's.
    if (paths.shared !== undefined) makeSharedDirectory(paths.root, paths.shared, user);
    return task;
  } catch (error) {
    task.close();
    throw error;
  }
}

function makeSharedDirectory(rootPath: string, shared: string, user: TaskUser | undefined): void {
  const names = namesBetween(rootPath, shared);
  using root = Directory.open(rootPath);
  using parent = makeDirectories(root, names.slice(0, -1));
  ensureDirectory(parent, names.at(-1) ?? "", { mode, user }).close();
}

/** Only the run's own user may read it. */
function writeCertificate(
  directory: Directory,
  { fileName, data, password }: OrderedCertificate,
  user: TaskUser | undefined,
): void {
  writeSecret(directory, fileName, Buffer.from(data, "base64"), user);
  if (password !== undefined) writeSecret(directory, `${fileName}.pw`, password, user);
}
