import type { Log } from "@kyanite/runtime";
import { removeEndedAutoPools } from "../lifecycle/auto-pool.ts";
import type { Quotas } from "../lifecycle/quotas.ts";
import { advanceJobSchedule } from "../lifecycle/run-job-schedule.ts";
import { type Database, isDatabaseAway } from "../store/database.ts";
import { readWakingJobSchedules } from "../store/job-schedules.ts";
import type { Loop } from "./loop.ts";

/** Makes the jobs of schedules when they are due, ends and deletes schedules, and removes auto pools after use. */
export function runJobSchedules(database: Database, quotas: Quotas, log: Log): Loop {
  return {
    name: "run-job-schedules",
    everySeconds: 1,
    notice: "jobschedules",
    round: async (now) => {
      for (const pk of await readWakingJobSchedules(database, now)) await advance(database, pk, { quotas, now, log });
      await removeEndedAutoPools(database, now);
      return false;
    },
  };
}

/** One schedule that cannot go on keeps no other from it. */
async function advance(
  database: Database,
  pk: number,
  { log, ...options }: { readonly quotas: Quotas; readonly now: Date; readonly log: Log },
): Promise<void> {
  try {
    await advanceJobSchedule(database, pk, options);
  } catch (cause) {
    if (isDatabaseAway(cause)) throw cause;
    log.error("job schedule failed", { jobSchedulePk: pk, cause });
  }
}
