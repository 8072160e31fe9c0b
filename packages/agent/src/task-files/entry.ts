import { readlinkSync, type Stats } from "node:fs";
import { sep } from "node:path";
import { Directory, isEntryName, textOfName } from "@kyanite/runtime";
import { isWithin, namesBetween } from "../paths.ts";
import type { TaskUser } from "../user.ts";
import { maySearch } from "./rights.ts";

/** A path leads out of the node's root, or around in a circle, or to where its user may not go. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

/** Something below a node's root, in a directory that is open. */
export interface Entry {
  readonly directory: Directory;
  /** The names from the root to the directory, none of which is a link. */
  readonly trail: readonly string[];
  /** Undefined for the root itself. */
  readonly name: string | undefined;
  readonly stat: Stats;
  [Symbol.dispose](): void;
}

interface Search {
  /** Absolute. */
  readonly root: string;
  /** Whether a link at the end is followed; links before are. */
  readonly followsLast: boolean;
  /** Who must have the right to come here, when not everybody may. */
  readonly user?: TaskUser | undefined;
}

const mostLinks = 40;
/** So long is the longest path that Linux takes. */
const mostNames = 4096;

/**
 * Finds what a path names below a node's root, as `openat2` does with RESOLVE_BENEATH: each name is looked at in an
 * open directory, and links are followed by hand as long as they stay below the root. So nobody who swaps links or
 * moves directories meanwhile leads us out.
 * @throws Unreachable, and ENOENT or ENOTDIR as the system would
 */
export function findEntry(path: readonly string[], search: Search): Entry {
  const way = new Way(search);
  try {
    return way.walk([...path]);
  } catch (error) {
    way.directory.close();
    throw error;
  }
}

/** Opens the directory that a path names below a node's root. */
export function findDirectory(path: readonly string[], search: Omit<Search, "followsLast">) {
  using found = findEntry(path, { ...search, followsLast: true });
  const { directory, trail, name } = found;
  if (name === undefined) return { directory: directory.again(), trail };
  return { directory: directory.enter(name), trail: [...trail, name] };
}

/** Where a search has come to. */
class Way {
  readonly #search: Search;
  directory: Directory;
  #trail: readonly string[] = [];
  #links = 0;
  #names = 0;

  constructor(search: Search) {
    this.#search = search;
    this.directory = Directory.open(search.root);
  }

  walk(left: string[]): Entry {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      this.#names += 1;
      if (this.#names > mostNames) throw new Unreachable("The path is too long");
      const found = name === ".." ? this.#goUp() : this.#look(name);
      if (found === undefined) continue;
      const isLast = left.length === 0;
      if (found.isSymbolicLink() && (!isLast || this.#search.followsLast)) left.unshift(...this.#read(name));
      else if (isLast) return this.#entry(name, found);
      else this.#goTo(this.directory.enter(name), [...this.#trail, name]);
    }
    return this.#entry(undefined, this.directory.stat());
  }

  #look(name: string): Stats {
    if (!isEntryName(name)) throw new Unreachable(`${JSON.stringify(name)} is no name`);
    const { user } = this.#search;
    if (user && !maySearch(this.directory.stat(), user)) throw new Unreachable("The user may not go there");
    const found = this.directory.lstat(name);
    if (found) return found;
    throw Object.assign(new Error(`There is no ${name}`), { code: "ENOENT" });
  }

  /** From the root again: where `..` of an open directory leads may have changed. */
  #goUp(): undefined {
    if (this.#trail.length === 0) throw new Unreachable("The path leads out of the compute node's root");
    const above = this.#trail.slice(0, -1);
    using root = Directory.open(this.#search.root);
    this.#goTo(root.enterAll(above), above);
  }

  /** The names that a link stands for. */
  #read(name: string): readonly string[] {
    this.#links += 1;
    if (this.#links > mostLinks) throw new Unreachable("There are too many links on the path");
    const { root } = this.#search;
    const target = textOfName(readlinkSync(this.directory.at(name), { encoding: "buffer" }));
    if (!target.startsWith(sep)) return target.split(sep).filter((part) => part !== "" && part !== ".");
    if (!isWithin(root, target)) throw new Unreachable("The path leads out of the compute node's root");
    this.#goTo(Directory.open(root), []);
    return namesBetween(root, target);
  }

  #goTo(directory: Directory, trail: readonly string[]): void {
    this.directory.close();
    this.directory = directory;
    this.#trail = trail;
  }

  #entry(name: string | undefined, stat: Stats): Entry {
    const { directory } = this;
    return { directory, trail: this.#trail, name, stat, [Symbol.dispose]: () => directory.close() };
  }
}
