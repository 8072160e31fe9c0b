import { nextFold } from "../domain/series/folding.ts";
import { beginOf, hour, type SampleRetention } from "../domain/series/steps.ts";
import { after } from "../domain/time.ts";
import { type Database, transaction } from "../store/database.ts";
import { dropDaysBefore, makeDays } from "../store/day-partitions.ts";
import { coarseTables, foldIntoFiveMinutes, foldIntoHours, readFolding, saveFolding } from "../store/series.ts";
import type { Loop } from "./loop.ts";

export type FoldOptions = Omit<SampleRetention, "poolSampleSeconds">;

const daySeconds = 24 * 3_600;

/** Puts samples together in steps of five minutes and of an hour, and drops the days that are older than they are kept. */
export function foldSamples(database: Database, options: FoldOptions): Loop {
  const days = { five_minute_sample: options.fiveMinuteSampleDays, hour_sample: options.hourSampleDays };
  const keptSeconds = options.poolSampleHours * hour;
  return {
    name: "fold-samples",
    everySeconds: 30,
    round: async (now) => {
      const folded = await readFolding(database);
      const span = nextFold(folded.fiveMinutesUntil, { now, keptSeconds });
      if (!span) return false;
      for (const table of coarseTables) await makeDays(database, table, span.from);
      const hours = { from: folded.hoursUntil ?? beginOf(span.from, hour), until: beginOf(span.until, hour) };
      await transaction(database, async (sql) => {
        const next = { fiveMinutesUntil: span.until, hoursUntil: hours.until };
        if (!(await saveFolding(sql, folded, next))) return;
        await foldIntoFiveMinutes(sql, span);
        if (hours.until > hours.from) await foldIntoHours(sql, hours);
      });
      for (const table of coarseTables) await dropDaysBefore(database, table, after(now, -days[table] * daySeconds));
      return nextFold(span.until, { now, keptSeconds }) !== undefined;
    },
  };
}
