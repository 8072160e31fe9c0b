import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { below, leadsOut, rootDirectories } from "./paths.ts";
import { removeTree } from "./remove-tree.ts";

/** Makes the directories that a node's root always has. Commands of any user may write to the shared ones. */
export async function makeRoot(root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const name of rootDirectories) await mkdir(join(root, name), { recursive: true });
  for (const name of ["shared", "fsmounts"]) await chmod(join(root, name), 0o777);
}

/** Removes a directory below the root, but none of those that a root always has. */
export async function removeBelow(root: string, directory: string): Promise<void> {
  const path = below(root, directory);
  const isOurs = path === root || rootDirectories.some((name) => join(root, name) === path);
  if (path === undefined || isOurs || leadsOut(root, join(path, ".."))) {
    throw new Error(`not to be removed: ${directory}`);
  }
  await removeTree(path);
}
