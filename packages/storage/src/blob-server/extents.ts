import { mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemClock } from "@kyanite/runtime";
import type { Extent, ExtentMetadataStore } from "azurite/dist/src/stores.js";
import { syncDirectory } from "./journal.ts";

/** Where an extent lies, in Azurite's words: it could have several places, we have one. */
export const extentLocation = "Default";

/**
 * The files that hold the bytes of blobs, which Azurite calls extents. The directory itself says which there are, so
 * this is never wrong, whatever end the server comes to.
 */
export async function openExtents(directory: string): Promise<ExtentMetadataStore> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await syncDirectory(dirname(directory));
  const modified = new Map<string, number>();
  for (const id of await readdir(directory)) modified.set(id, (await stat(join(directory, id))).mtimeMs);
  return {
    isInitialized: () => true,
    isClosed: () => false,
    init: async () => {},
    close: async () => {},
    updateExtent: async ({ id, lastModifiedInMS }: Extent) => {
      if (!modified.has(id)) await syncDirectory(directory);
      modified.set(id, lastModifiedInMS);
    },
    deleteExtent: async (id: string) => {
      modified.delete(id);
    },
    getExtentLocationId: async () => extentLocation,
    iteratorExtents: async function* () {
      const limit = systemClock.now().getTime() - protectedMilliseconds;
      yield [...modified].flatMap(([id, time]) => (time < limit ? [id] : []));
      return [];
    },
  };
}

/** So long a new extent may be without a blob that refers to it. */
const protectedMilliseconds = 10 * 60_000;
