import { chmod, mkdir, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hasErrorCode } from "@kyanite/runtime";
import { below, leadsOut, rootDirectories } from "./paths.ts";
import { removeTree } from "./remove-tree.ts";

/** Makes the directories that a node's root always has. Commands of any user may write to the shared ones. */
export async function makeRoot(root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const name of rootDirectories) await mkdir(join(root, name), { recursive: true });
  for (const name of ["shared", "fsmounts"]) await chmod(join(root, name), 0o777);
}

/** Removes a directory below the root and what that leaves empty, but none of those that a root always has. */
export async function removeBelow(root: string, directory: string): Promise<void> {
  const path = below(root, directory);
  if (path === undefined || isLasting(root, path) || leadsOut(root, dirname(path))) {
    throw new Error(`not to be removed: ${directory}`);
  }
  await removeTree(path);
  await removeWhileEmpty(root, dirname(path));
}

const isLasting = (root: string, path: string) =>
  path === root || rootDirectories.some((name) => join(root, name) === path);

async function removeWhileEmpty(root: string, path: string): Promise<void> {
  if (isLasting(root, path)) return;
  try {
    await rmdir(path);
  } catch (error) {
    if (!hasErrorCode(error, "ENOTEMPTY", "EEXIST", "ENOENT")) throw error;
    return;
  }
  await removeWhileEmpty(root, dirname(path));
}
