import { lstatSync, type Stats } from "node:fs";
import { join } from "node:path";
import { Directory } from "@kyanite/runtime";
import { makeDirectories } from "./directories.ts";

/** Opens directories below a root, and keeps the last of them open: most runs are of the same job as the one before. */
export class RecentDirectory {
  readonly #root: string;
  #last: { readonly place: string; readonly directory: Directory; readonly stat: Stats } | undefined;

  /** @param root a path on which nobody else can put anything */
  constructor(root: string) {
    this.#root = root;
  }

  /** Opens a directory; what is missing on the way is made. A link on the way is an error. */
  enter(names: readonly string[]): Directory {
    const place = join(this.#root, ...names);
    if (this.#last?.place === place && isAt(this.#last.stat, place)) return this.#last.directory.again();
    this.close();
    using root = Directory.open(this.#root);
    const directory = makeDirectories(root, names);
    this.#last = { place, directory, stat: directory.stat() };
    return directory.again();
  }

  close(): void {
    this.#last?.directory.close();
    this.#last = undefined;
  }
}

/** It may have been removed or moved since. */
function isAt({ ino, dev }: Stats, place: string): boolean {
  const stat = lstatSync(place, { throwIfNoEntry: false });
  return stat?.ino === ino && stat.dev === dev;
}
