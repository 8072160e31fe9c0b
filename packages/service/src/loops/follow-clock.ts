import type { Log } from "@kyanite/runtime";
import { type Database, transaction } from "../store/database.ts";
import { bringBackTimes } from "../store/set-clock.ts";
import type { Loop } from "./loop.ts";

/** Other servers may be a little ahead of this one. */
const toleranceSeconds = 60;

/**
 * When the clock has been set back, what was noted before lies in the future. Times that something waits for are
 * brought back then, and so they are at the start, since the clock may have been set while nobody watched.
 */
export function followClock(database: Database, log: Log): Loop {
  const watch: { until?: Date } = {};
  return {
    name: "follow-clock",
    everySeconds: 5,
    round: async (now) => {
      const { until } = watch;
      if (until === undefined || now < until)
        await transaction(database, (sql) => bringBackTimes(sql, { now, toleranceSeconds }));
      if (until !== undefined && now < until) log.warn("the clock was set back", { from: until, to: now });
      watch.until = now;
      return false;
    },
  };
}
