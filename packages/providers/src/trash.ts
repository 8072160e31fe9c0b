import { randomUUID } from "node:crypto";
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { Directory, hasErrorCode, type Log, removeTree } from "@kyanite/runtime";

/** Deletes directories in the background: they are out of the way at once, however big they are. */
export interface Trash {
  /** Nothing happens when there is no such directory. */
  discard(path: string): Promise<void>;
  /** Waits until all that was discarded is gone. */
  settle(): Promise<void>;
}

const prefix = ".removed-";

/** Keeps discarded directories in `directory`, on the same file system; what an earlier process left goes as well. */
export async function newTrash(directory: string, log: Log): Promise<Trash> {
  const underWay = new Set<Promise<void>>();
  const destroy = (name: string) => {
    const work = removeFrom(directory, name)
      .catch((cause: unknown) => log.warn("directory not removed", { path: join(directory, name), cause }))
      .finally(() => underWay.delete(work));
    underWay.add(work);
  };
  const left = (await readdir(directory)).filter((name) => name.startsWith(prefix));
  for (const name of left) destroy(name);
  return {
    discard: async (path) => {
      const aside = prefix + randomUUID();
      try {
        await rename(path, join(directory, aside));
      } catch (error) {
        if (hasErrorCode(error, "ENOENT")) return;
        throw error;
      }
      destroy(aside);
    },
    settle: async () => {
      await Promise.all(underWay);
    },
  };
}

/** Tasks that have outlived their node may still be at work in there. */
async function removeFrom(directory: string, name: string): Promise<void> {
  using parent = Directory.open(directory);
  await removeTree(parent, name);
}
