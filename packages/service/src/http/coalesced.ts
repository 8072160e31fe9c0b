import type { Clock, Log } from "@kyanite/runtime";
import { isDatabaseAway } from "../store/database.ts";

/**
 * A function that starts `work`, unless it is running: then it runs once more when it has ended, however often it was
 * asked for meanwhile. Work that fails is done again after a short while.
 */
export function coalesced(work: () => Promise<void>, { clock, log }: { clock: Clock; log: Log }): () => void {
  let isRunning = false;
  let isWanted = false;
  const run = async () => {
    isRunning = true;
    while (isWanted) {
      isWanted = false;
      try {
        await work();
      } catch (cause) {
        if (!isDatabaseAway(cause)) log.error("background work failed", { cause });
        isWanted = true;
        await clock.sleep(250);
      }
    }
    isRunning = false;
  };
  return () => {
    isWanted = true;
    if (!isRunning) void run();
  };
}
