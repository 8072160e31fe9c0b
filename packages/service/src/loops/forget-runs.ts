import { excessesOf } from "../domain/run/past-run-limits.ts";
import { after } from "../domain/time.ts";
import { type Database, transaction } from "../store/database.ts";
import { forgetOldestRuns, forgetRunsBefore, readPastRunSizes } from "../store/past-runs.ts";
import type { Loop } from "./loop.ts";

export interface ForgetRunsSettings {
  readonly keptLogDays: number;
  readonly keptLogMegabytes: number;
}

/** So many are forgotten in one transaction: those who record runs meanwhile hardly notice. */
const slice = 500;

/** Forgets former runs with what is kept of them, when they are old, and when they are more than there is room for. */
export function forgetRuns(database: Database, { keptLogDays, keptLogMegabytes }: ForgetRunsSettings): Loop {
  return {
    name: "forget-runs",
    everySeconds: 15,
    round: async (now) => {
      const options = { slice, now };
      const old = await transaction(database, (sql) =>
        forgetRunsBefore(sql, after(now, -keptLogDays * 86_400), options),
      );
      const excesses = excessesOf(await readPastRunSizes(database), keptLogMegabytes * 1e6);
      let most = old;
      for (const excess of excesses)
        most = Math.max(most, await transaction(database, (sql) => forgetOldestRuns(sql, excess, options)));
      return most === slice;
    },
  };
}
