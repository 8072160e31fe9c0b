import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { hasErrorCode, type Log } from "@kyanite/runtime";

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
  const destroy = (path: string) => {
    const work = removeTree(path)
      .catch((cause: unknown) => log.warn("directory not removed", { path, cause }))
      .finally(() => underWay.delete(work));
    underWay.add(work);
  };
  const left = (await readdir(directory)).filter((name) => name.startsWith(prefix));
  for (const name of left) destroy(join(directory, name));
  return {
    discard: async (path) => {
      const aside = join(directory, prefix + randomUUID());
      try {
        await rename(path, aside);
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

async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!hasErrorCode(error, "EACCES", "EPERM", "ENOTEMPTY")) throw error;
    // A task may have taken the right to write from its own directories.
    await promisify(execFile)("chmod", ["-R", "u+rwX", path]);
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}
