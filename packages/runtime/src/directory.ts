import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats } from "node:fs";
import { hasStandIns, nameOfText } from "./entry-names.ts";

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

const isLinux = process.platform === "linux";

/**
 * An open directory, for work where others may put links or move directories at any moment. What is in it is named by
 * a single name, so it is in this very directory whatever happens to the directory's path.
 *
 * Only Linux offers this, by its `/proc/self/fd`. Elsewhere an entry is reached by the path that the directory had
 * when it was opened: links are looked for at each step, but one that is put there between two steps is followed.
 */
export class Directory {
  readonly fd: number;
  readonly #place: string;

  private constructor(path: string | Buffer, flags: number) {
    this.fd = openSync(path, O_RDONLY | O_DIRECTORY | flags);
    this.#place = isLinux ? `/proc/self/fd/${this.fd}` : path.toString();
  }

  /** Opens a directory by a path on which nobody else can put anything; links on it are followed. */
  static open(path: string): Directory {
    return new Directory(path, 0);
  }

  /** Opens a directory in this one, never through a link. */
  enter(name: string | Buffer): Directory {
    return new Directory(typeof name === "string" ? this.at(name) : this.atBytes(name), O_NOFOLLOW);
  }

  /** Opens this directory once more. */
  again(): Directory {
    return new Directory(this.path, O_NOFOLLOW);
  }

  /** A path that leads to this directory as long as it is open. */
  get path(): string {
    return `${this.#place}/.`;
  }

  /** Opens a directory below this one, never through a link. */
  enterAll(names: readonly string[]): Directory {
    let directory = this.again();
    for (const name of names) {
      using parent = directory;
      directory = parent.enter(name);
    }
    return directory;
  }

  /**
   * A path by which an entry is reached as long as this directory is open. Calls that follow links follow one there.
   * @param name as text: see `textOfName`
   */
  at(name: string): string | Buffer {
    if (!isEntryName(name)) throw new Error(`not the name of a directory's entry: ${JSON.stringify(name)}`);
    return hasStandIns(name) ? this.atBytes(nameOfText(name)) : `${this.#place}/${name}`;
  }

  /** The same for a name as it is. */
  atBytes(name: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`${this.#place}/`), name]);
  }

  stat(): Stats {
    return fstatSync(this.fd);
  }

  /** Of an entry, and of a link itself; undefined when there is none. */
  lstat(name: string): Stats | undefined {
    return lstatSync(this.at(name), { throwIfNoEntry: false });
  }

  close(): void {
    closeSync(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Whether a text can name something in a directory: it is no path, and neither the directory nor its parent. */
export const isEntryName = (name: string) => name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
