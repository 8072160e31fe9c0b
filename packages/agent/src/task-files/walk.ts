import { setImmediate } from "node:timers/promises";
import { type Directory, hasErrorCode, isEntryName } from "@kyanite/runtime";
import type { NameReader } from "./names.ts";

/** An entry that a walk has come to. Its directory is open until the walk goes on. */
export interface WalkedEntry {
  readonly directory: Directory;
  readonly name: string;
  /** From where the walk began. */
  readonly path: string;
}

/** Where an earlier walk has stopped. */
interface WalkStart {
  /** The names on the path that it came to last; none to begin at the beginning. */
  readonly after?: readonly string[];
  /** Whether it would have entered a directory. */
  enters?(path: string): boolean;
}

interface Level {
  readonly directory: Directory;
  /** Names from where the walk began, each followed by a slash. */
  readonly prefix: string;
  names: readonly string[];
  next: number;
  isEnd: boolean;
  last: string | undefined;
}

/** Each level holds a descriptor. */
const mostLevels = 200;
/** No program can name a longer path. */
const longestPath = 4096;
/** After so many entries others have their turn: a walk waits for nothing as long as it has names. */
const entriesAtOnce = 256;

/**
 * Goes through a tree in order: of each directory by name, and what is in a directory right behind it. Links are not
 * entered. In this order a walk can go on where an earlier one has stopped without looking at what came before.
 */
export class Walk {
  readonly #reader: NameReader;
  readonly #levels: Level[] = [];
  #found: WalkedEntry | undefined;
  #count = 0;

  constructor(directory: Directory, reader: NameReader, { after = [], enters = () => true }: WalkStart = {}) {
    this.#reader = reader;
    this.#levels.push(levelOf(directory.again(), "", after[0]));
    for (const [index, name] of after.entries()) {
      const path = after.slice(0, index + 1).join("/");
      if (!enters(path) || !this.#enter(name, after[index + 1])) break;
    }
  }

  /** The next entry; undefined at the end. */
  async next(): Promise<WalkedEntry | undefined> {
    this.#count += 1;
    if (this.#count % entriesAtOnce === 0) await setImmediate();
    for (let level = this.#levels.at(-1); level; level = this.#levels.at(-1)) {
      const name = await this.#nextName(level);
      if (name !== undefined) {
        this.#found = { directory: level.directory, name, path: level.prefix + name };
        return this.#found;
      }
      level.directory.close();
      this.#levels.pop();
    }
    return undefined;
  }

  /** What is in the entry that was found last comes next, if it is a directory that can be entered. */
  enter(): void {
    if (this.#found) this.#enter(this.#found.name, undefined);
  }

  [Symbol.dispose](): void {
    for (const { directory } of this.#levels) directory.close();
    this.#levels.length = 0;
  }

  async #nextName(level: Level): Promise<string | undefined> {
    while (level.next === level.names.length && !level.isEnd) {
      const { names, isEnd } = await this.#reader.read(level.directory, level.last);
      Object.assign(level, { names, isEnd, next: 0, last: names.at(-1) ?? level.last });
    }
    const name = level.names[level.next];
    level.next += 1;
    return name;
  }

  #enter(name: string, after: string | undefined): boolean {
    const above = this.#levels.at(-1);
    if (!above || !isEntryName(name)) return false;
    const prefix = `${above.prefix}${name}/`;
    if (this.#levels.length === mostLevels || Buffer.byteLength(prefix) > longestPath) return false;
    const directory = enterIfOpen(above.directory, name);
    if (directory) this.#levels.push(levelOf(directory, prefix, after));
    return directory !== undefined;
  }
}

function levelOf(directory: Directory, prefix: string, after: string | undefined): Level {
  return { directory, prefix, names: [], next: 0, isEnd: false, last: after };
}

function enterIfOpen(parent: Directory, name: string): Directory | undefined {
  try {
    return parent.enter(name);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR", "ELOOP", "EACCES")) return undefined;
    throw error;
  }
}
