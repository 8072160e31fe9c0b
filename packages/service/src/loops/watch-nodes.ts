import type { Log } from "@kyanite/runtime";
import { after } from "../domain/time.ts";
import { loseSilentNodes } from "../lifecycle/node.ts";
import type { Database } from "../store/database.ts";
import { forgetHosts } from "../store/hosts.ts";
import { forgetServers } from "../store/servers.ts";
import type { Loop } from "./loop.ts";

/** How long a host without nodes is remembered. */
const hostDays = 7;
/** How long a server that has not said goodbye is. */
const serverMinutes = 60;

/**
 * Gives up nodes that have not been heard of for `silentSeconds`. While nobody watched, because the service or the
 * database was away, nobody could be heard: only silence while this loop ran without a break counts. A clock that is set
 * makes such a break too.
 */
export function watchNodes(database: Database, silentSeconds: number, log: Log): Loop {
  const everySeconds = Math.min(5, silentSeconds / 3);
  const watch = { since: new Date(0), until: new Date(0) };
  return {
    name: "watch-nodes",
    everySeconds,
    round: async (now) => {
      if (after(watch.until, 3 * everySeconds) < now || now < watch.until) watch.since = now;
      const silentSince = after(now, -silentSeconds);
      if (watch.since <= silentSince)
        for (const node of await loseSilentNodes(database, silentSince, now))
          log.warn("node lost", { nodeId: node.id });
      else await database`select 1`;
      watch.until = now;
      await forgetHosts(database, after(now, -hostDays * 86_400));
      await forgetServers(database, after(now, -serverMinutes * 60));
      return false;
    },
  };
}
