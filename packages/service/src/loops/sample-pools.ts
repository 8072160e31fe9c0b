import { nodeSampleSeconds, type SampleRetention } from "../domain/series/steps.ts";
import { after } from "../domain/time.ts";
import { type Database, transaction } from "../store/database.ts";
import { sumUpNodeLives } from "../store/pool-load.ts";
import { beginSampling, deleteSamples, insertPoolSamples } from "../store/samples.ts";
import { deleteFineSeries, insertAccountSamples, insertJobSamples } from "../store/series.ts";
import { deleteTaskUsage } from "../store/task-usage.ts";
import type { Loop } from "./loop.ts";

export type SampleOptions = Pick<SampleRetention, "poolSampleSeconds" | "poolSampleHours">;

/** So long usage is known by half hours; after that only as a sum. */
const usageDays = 366;

/** Takes a sample of every pool, account and job at each multiple of the period, and forgets the old ones. */
export function samplePools(database: Database, { poolSampleSeconds, poolSampleHours }: SampleOptions): Loop {
  const period = poolSampleSeconds * 1000;
  return {
    name: "sample-pools",
    everySeconds: Math.min(5, poolSampleSeconds / 4),
    round: async (now) => {
      const at = new Date(Math.floor(now.getTime() / period) * period);
      await transaction(database, async (sql) => {
        if (!(await beginSampling(sql, at))) return;
        const sampling = { at, periodSeconds: poolSampleSeconds };
        await insertPoolSamples(sql, sampling);
        await insertAccountSamples(sql, sampling);
        await insertJobSamples(sql, sampling);
        await sumUpNodeLives(sql, after(now, -usageDays * 24 * 3_600));
        await deleteTaskUsage(sql, after(now, -usageDays * 24 * 3_600));
        const oldest = after(now, -3_600 * poolSampleHours);
        await deleteSamples(sql, { node: after(now, -nodeSampleSeconds), pool: oldest });
        await deleteFineSeries(sql, oldest);
      });
      return false;
    },
  };
}
