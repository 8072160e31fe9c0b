import { fstatSync, read } from "node:fs";
import { promisify } from "node:util";
import type { FollowEnd } from "@kyanite/contract/follow-frames";
import { hasErrorCode } from "@kyanite/runtime";
import { type Entry, findEntry, Unreachable } from "./entry.ts";
import { NotPlainFile, type OpenFile, openFile } from "./plain-file.ts";

export interface FilePlace {
  /** Of the node, absolute. */
  readonly root: string;
  /** From there. */
  readonly names: readonly string[];
}

/** What has become of a file that was opened. */
type FileFate = "same" | Extract<FollowEnd, "fileReplaced" | "fileDeleted">;

/** A file that is read while somebody writes it. */
export class GrowingFile {
  readonly file: OpenFile;
  readonly #place: FilePlace;

  /** @throws as {@link findEntry} and {@link openFile} do */
  constructor(place: FilePlace) {
    this.#place = place;
    using entry = find(place);
    if (entry.name === undefined) throw new NotPlainFile("The path is not a file");
    this.file = openFile(entry.directory, entry.name);
  }

  get sizeBytes(): number {
    return fstatSync(this.file.fd).size;
  }

  /** What there is from a position on, and no more than `most` bytes. */
  async read(position: number, most: number): Promise<Buffer> {
    const { bytesRead, buffer } = await promisify(read)(this.file.fd, Buffer.allocUnsafe(most), 0, most, position);
    return buffer.subarray(0, bytesRead);
  }

  /** Whether its name still leads to it. */
  fate(): FileFate {
    try {
      using entry = find(this.#place);
      const { dev, ino } = this.file.stat;
      return entry.stat.dev === dev && entry.stat.ino === ino ? "same" : "fileReplaced";
    } catch (error) {
      if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return "fileDeleted";
      if (error instanceof Unreachable || hasErrorCode(error, "ELOOP", "EACCES")) return "fileReplaced";
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.file[Symbol.dispose]();
  }
}

const find = ({ root, names }: FilePlace): Entry => findEntry(names, { root, followsLast: true });
