import { fchmodSync, fchownSync, mkdirSync, rmdirSync, unlinkSync } from "node:fs";
import { type Directory, hasErrorCode } from "@kyanite/runtime";
import type { TaskUser } from "../user.ts";

/** What is left out stays as it is. */
interface Rights {
  readonly mode?: number;
  readonly user?: TaskUser | undefined;
}

/** Makes a directory or opens it again, with these rights. A link, or whatever else a task put there, is removed. */
export function ensureDirectory(parent: Directory, name: string, rights: Rights = {}): Directory {
  makeUnlessThere(parent, name);
  const directory = enterIfDirectory(parent, name) ?? replaceByDirectory(parent, name);
  return withRights(directory, rights);
}

/** Opens a directory below another; what is missing on the way is made. A link on the way is an error. */
export function makeDirectories(top: Directory, names: readonly string[], rights: Rights = {}): Directory {
  let directory = top.again();
  for (const name of names) {
    using parent = directory;
    directory = enterOrMake(parent, name, rights);
  }
  return directory;
}

/** Most are there, so to look first costs less than to fail at making them. */
function enterOrMake(parent: Directory, name: string, rights: Rights): Directory {
  try {
    return parent.enter(name);
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) throw error;
  }
  makeUnlessThere(parent, name);
  return withRights(parent.enter(name), rights);
}

function withRights(directory: Directory, { mode, user }: Rights): Directory {
  try {
    if (mode !== undefined) fchmodSync(directory.fd, mode);
    if (user) fchownSync(directory.fd, user.uid, user.gid);
    return directory;
  } catch (error) {
    directory.close();
    throw error;
  }
}

/** Opens a directory below another; undefined when there is none. A link on the way counts as none. */
export function enterIfThere(top: Directory, names: readonly string[]): Directory | undefined {
  try {
    return top.enterAll(names);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

/** Removes a directory that is empty; false when it stays. */
export function removeIfEmpty(parent: Directory, name: string): boolean {
  try {
    rmdirSync(parent.at(name));
    return true;
  } catch (error) {
    if (hasErrorCode(error, "ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

function makeUnlessThere(parent: Directory, name: string): void {
  try {
    mkdirSync(parent.at(name));
  } catch (error) {
    if (!hasErrorCode(error, "EEXIST")) throw error;
  }
}

function enterIfDirectory(parent: Directory, name: string): Directory | undefined {
  try {
    return parent.enter(name);
  } catch (error) {
    if (hasErrorCode(error, "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

function replaceByDirectory(parent: Directory, name: string): Directory {
  unlinkSync(parent.at(name));
  mkdirSync(parent.at(name));
  return parent.enter(name);
}
