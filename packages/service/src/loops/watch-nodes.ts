import type { Log } from "@kyanite/runtime";
import { after } from "../domain/time.ts";
import { loseSilentNodes } from "../lifecycle/node.ts";
import type { Database } from "../store/database.ts";
import type { Loop } from "./loop.ts";

/**
 * Gives up nodes that have not been heard of for `silentSeconds`. While nobody watched, because the service or the
 * database was away, nobody could be heard: only silence while this loop ran without a break counts.
 */
export function watchNodes(database: Database, silentSeconds: number, log: Log): Loop {
  const everySeconds = Math.min(5, silentSeconds / 3);
  const watch = { since: new Date(0), until: new Date(0) };
  return {
    name: "watch-nodes",
    everySeconds,
    round: async (now) => {
      if (after(watch.until, 3 * everySeconds) < now) watch.since = now;
      const silentSince = after(now, -silentSeconds);
      if (watch.since <= silentSince)
        for (const node of await loseSilentNodes(database, silentSince, now))
          log.warn("node lost", { nodeId: node.id });
      else await database`select 1`;
      watch.until = now;
      return false;
    },
  };
}
