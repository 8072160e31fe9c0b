import type { Log } from "@kyanite/runtime";
import type { StorageAccounts } from "../domain/account/storage.ts";
import { after } from "../domain/time.ts";
import { deleteBlobRemovals, postponeBlobRemovals, readDueBlobRemovals } from "../store/applications.ts";
import type { Database } from "../store/database.ts";
import type { Loop } from "./loop.ts";

/** Removes the blobs of application packages that nothing refers to any more, when nodes can no longer be fetching them. */
export function collectBlobs(database: Database, storage: StorageAccounts, log: Log): Loop {
  return {
    name: "collect-blobs",
    everySeconds: 60,
    round: async (now) => {
      const due = await readDueBlobRemovals(database, now);
      const gone: number[] = [];
      const stuck: number[] = [];
      for (const { pk, ...place } of due) {
        try {
          await storage.deleteBlob(place);
          gone.push(pk);
        } catch (cause) {
          log.warn("blob not removed", { container: place.container, cause });
          stuck.push(pk);
        }
      }
      await deleteBlobRemovals(database, gone);
      await postponeBlobRemovals(database, stuck, after(now, 3600));
      return due.length === 100;
    },
  };
}
