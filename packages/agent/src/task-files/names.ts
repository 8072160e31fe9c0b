import { fstatSync } from "node:fs";
import { opendir } from "node:fs/promises";
import { type Clock, type Directory, textOfName } from "@kyanite/runtime";

/** Names of a directory that follow each other in order. */
export interface Names {
  readonly names: readonly string[];
  /** Whether none comes after them. */
  readonly isEnd: boolean;
}

/** Of how many directories names are remembered. */
const mostDirectories = 4;
/** Directories with fewer names are read again as fast as they are found here. */
const fewNames = 500;
const longestMilliseconds = 10_000;

interface Kept extends Names {
  readonly after: string | undefined;
}

/**
 * Reads the names of directories in order. However many a directory has, a bounded number is held in memory: the next
 * ones are found by reading it again. Large directories of late are remembered, since a list is asked for in pages.
 */
export class NameReader {
  readonly #clock: Clock;
  readonly #mostNames: number;
  readonly #kept = new Map<string, Kept>();

  /** @param mostNames how many names of a directory are held at a time */
  constructor(clock: Clock, mostNames = 10_000) {
    this.#clock = clock;
    this.#mostNames = mostNames;
  }

  /** The names that come after one; all when that is undefined. */
  async read(directory: Directory, after: string | undefined): Promise<Names> {
    const { key, isSettled } = this.#identify(directory);
    const kept = this.#kept.get(key);
    if (kept && covers(kept, after))
      return { names: kept.names.slice(firstBehind(kept.names, after)), isEnd: kept.isEnd };
    const read = await readNames(directory, after, { clock: this.#clock, mostNames: this.#mostNames });
    if (isSettled && read.names.length > fewNames) this.#keep(key, { ...read, after });
    return read;
  }

  #keep(key: string, names: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, names);
    for (const oldest of this.#kept.keys()) if (this.#kept.size > mostDirectories) this.#kept.delete(oldest);
  }

  /** Every change of a directory changes its key, but for changes within the same moment. */
  #identify(directory: Directory) {
    const { dev, ino, mtimeMs, mtimeNs, ctimeNs } = fstatSync(directory.fd, { bigint: true });
    const isSettled = mtimeMs + 1_000n < BigInt(this.#clock.now().getTime());
    return { key: `${dev} ${ino} ${mtimeNs} ${ctimeNs}`, isSettled };
  }
}

/** Whether what comes after a name is among these. */
function covers({ names, isEnd, after: from }: Kept, after: string | undefined): boolean {
  if (from !== undefined && (after === undefined || after < from)) return false;
  return isEnd || after === undefined || after < (names.at(-1) ?? "");
}

function firstBehind(names: readonly string[], after: string | undefined): number {
  if (after === undefined) return 0;
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? "") > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

interface Bounds {
  readonly clock: Clock;
  readonly mostNames: number;
}

const isAscii = /^[\0-\x7f]*$/;

/** Reads the first names after one, in one pass over the directory. */
async function readNames(
  directory: Directory,
  after: string | undefined,
  { clock, mostNames }: Bounds,
): Promise<Names> {
  const latest = clock.now().getTime() + longestMilliseconds;
  const first = new FirstNames(mostNames);
  let count = 0;
  // Names need not be UTF-8: in this encoding every byte is a character.
  for await (const entry of await opendir(directory.path, { encoding: "latin1", bufferSize: 1024 })) {
    const name = isAscii.test(entry.name) ? entry.name : textOfName(Buffer.from(entry.name, "latin1"));
    if (after === undefined || name > after) first.add(name);
    count += 1;
    if (count % 1024 === 0 && clock.now().getTime() > latest) throw new DirectoryTooLarge();
  }
  return first.inOrder();
}

/** A directory has more entries than can be looked through in a bounded time. */
export class DirectoryTooLarge extends Error {
  override readonly name = "DirectoryTooLarge";
  override readonly message = "A directory has too many entries to be listed";
}

/** The first of many names, in bounded memory. */
class FirstNames {
  readonly #most: number;
  #names: string[] = [];
  #isEnd = true;
  /** Names behind this one are not among the first. */
  #last: string | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  add(name: string): void {
    if (this.#last !== undefined && name > this.#last) return;
    this.#names.push(name);
    if (this.#names.length === 2 * this.#most) this.#cut();
  }

  inOrder(): Names {
    this.#cut();
    return { names: this.#names, isEnd: this.#isEnd };
  }

  #cut(): void {
    this.#names.sort();
    if (this.#names.length <= this.#most) return;
    this.#names = this.#names.slice(0, this.#most);
    this.#last = this.#names.at(-1);
    this.#isEnd = false;
  }
}
