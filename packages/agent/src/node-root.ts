import { mkdir, readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { Directory, removeTree, textOfName } from "@kyanite/runtime";
import { namesBelow, rootDirectories } from "./paths.ts";
import { ensureDirectory, enterIfThere, removeIfEmpty } from "./task-files/directories.ts";

/** Makes the directories that a node's root always has. Commands of any user may write to the shared ones. */
export async function makeRoot(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  using root = Directory.open(path);
  for (const name of rootDirectories) ensureDirectory(root, name).close();
  for (const name of ["shared", "fsmounts"]) ensureDirectory(root, name, { mode: 0o777 }).close();
}

/** Removes all that is in a node's root. */
export async function emptyRoot(path: string): Promise<void> {
  using root = Directory.open(path);
  for (const name of await readdir(path, { encoding: "buffer" })) await removeTree(root, textOfName(name));
}

/** Removes a node's root itself. */
export async function removeRoot(path: string): Promise<void> {
  using parent = Directory.open(dirname(path));
  await removeTree(parent, basename(path));
}

/** Removes a directory below the root and what that leaves empty, but none of those that a root always has. */
export async function removeBelow(path: string, directory: string): Promise<void> {
  const names = namesBelow(directory);
  if (names === undefined || isLasting(names)) throw new Error(`not to be removed: ${directory}`);
  using root = Directory.open(path);
  for (let left = [...names], isFirst = true; !isLasting(left); isFirst = false) {
    const name = left.pop() ?? "";
    using parent = enterIfThere(root, left);
    if (parent && isFirst) await removeTree(parent, name);
    else if (parent && !removeIfEmpty(parent, name)) return;
  }
}

const isLasting = ([first, ...more]: readonly string[]) =>
  more.length === 0 && (first === undefined || rootDirectories.some((name) => name === first));
