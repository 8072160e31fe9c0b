import type { Log } from "@kyanite/runtime";
import { after } from "../domain/time.ts";
import { loseSilentNodes } from "../lifecycle/node.ts";
import type { Database } from "../store/database.ts";
import type { Loop } from "./loop.ts";

/** Gives up nodes that have not been heard of for `silentSeconds`. */
export function watchNodes(database: Database, silentSeconds: number, log: Log): Loop {
  return {
    name: "watch-nodes",
    everySeconds: Math.min(5, silentSeconds / 3),
    round: async (now) => {
      for (const node of await loseSilentNodes(database, after(now, -silentSeconds), now))
        log.warn("node lost", { nodeId: node.id });
      return false;
    },
  };
}
