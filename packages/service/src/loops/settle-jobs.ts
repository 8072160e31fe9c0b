import { advanceJobs } from "../lifecycle/settle-jobs.ts";
import type { Database } from "../store/database.ts";
import type { Loop } from "./loop.ts";

/** Brings jobs that are being disabled, enabled, terminated or deleted to their next settled state. */
export function settleJobs(database: Database): Loop {
  return {
    name: "settle-jobs",
    everySeconds: 2,
    notice: "jobs",
    round: (now) => advanceJobs(database, now),
  };
}
