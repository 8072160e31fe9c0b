import { after } from "../domain/time.ts";
import { type Database, transaction } from "../store/database.ts";
import { sumUpNodeLives } from "../store/pool-load.ts";
import { beginSampling, deleteSamples, insertPoolSamples } from "../store/samples.ts";
import { deleteTaskUsage } from "../store/task-usage.ts";
import type { Loop } from "./loop.ts";

export interface SampleOptions {
  readonly poolSampleSeconds: number;
  readonly poolSampleHours: number;
}

/** Agents' samples of their nodes are kept so long: for two samples of a pool at the longest period. */
const nodeSampleSeconds = 900;

/** So long usage is known by half hours; after that only as a sum. */
const usageDays = 366;

/** Takes a sample of every pool at each multiple of the period, and forgets the old ones. */
export function samplePools(database: Database, { poolSampleSeconds, poolSampleHours }: SampleOptions): Loop {
  const period = poolSampleSeconds * 1000;
  return {
    name: "sample-pools",
    everySeconds: Math.min(5, poolSampleSeconds / 4),
    round: async (now) => {
      const at = new Date(Math.floor(now.getTime() / period) * period);
      await transaction(database, async (sql) => {
        if (!(await beginSampling(sql, at))) return;
        await insertPoolSamples(sql, { at, periodSeconds: poolSampleSeconds });
        await sumUpNodeLives(sql, after(now, -usageDays * 24 * 3_600));
        await deleteTaskUsage(sql, after(now, -usageDays * 24 * 3_600));
        await deleteSamples(sql, { node: after(now, -nodeSampleSeconds), pool: after(now, -3_600 * poolSampleHours) });
      });
      return false;
    },
  };
}
