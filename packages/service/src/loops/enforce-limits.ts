import { endCompleteJobs, endExpiredJobs } from "../lifecycle/job.ts";
import type { Database } from "../store/database.ts";
import type { Loop } from "./loop.ts";

/** Ends what has run longer than it may, and jobs that have nothing left to do. */
export function enforceLimits(database: Database): Loop {
  return {
    name: "enforce-limits",
    everySeconds: 1,
    round: async (now) => {
      await endExpiredJobs(database, now);
      await endCompleteJobs(database, now);
      return false;
    },
  };
}
