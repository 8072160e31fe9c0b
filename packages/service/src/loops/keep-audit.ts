import { after } from "../domain/time.ts";
import type { Database } from "../store/database.ts";
import { dropDaysBefore, makeDays } from "../store/day-partitions.ts";
import type { Loop } from "./loop.ts";

/** Makes room for the audit of tomorrow, and drops the days that are older than they are to be kept. */
export function keepAudit(database: Database, { auditDays }: { readonly auditDays: number }): Loop {
  return {
    name: "keep-audit",
    everySeconds: 3_600,
    round: async (now) => {
      await makeDays(database, "audit", now);
      await dropDaysBefore(database, "audit", after(now, -auditDays * 24 * 3_600));
      return false;
    },
  };
}
