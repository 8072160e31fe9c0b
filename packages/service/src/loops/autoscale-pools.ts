import type { Log } from "@kyanite/runtime";
import { type AutoScaleSettings, runAutoScaleWhenDue } from "../lifecycle/auto-scale.ts";
import { readDuePools } from "../store/auto-scale.ts";
import type { Database } from "../store/database.ts";
import type { Loop } from "./loop.ts";

const poolsPerRound = 100;

/** Evaluates the formulas of pools when their intervals are over, and sets the pools their new targets. */
export function autoscalePools(database: Database, settings: AutoScaleSettings, log: Log): Loop {
  return {
    name: "autoscale-pools",
    everySeconds: 1,
    round: async (now) => {
      const due = await readDuePools(database, now, poolsPerRound);
      for (const pk of due) {
        const done = await runAutoScaleWhenDue(database, pk, { settings, now });
        if (!done) continue;
        const { results, error } = done.run;
        log.info("formula evaluated", { poolId: done.pool.id, results, error: error?.code });
      }
      return due.length === poolsPerRound;
    },
  };
}
