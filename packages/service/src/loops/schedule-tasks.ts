import { placeTasks } from "../lifecycle/placement.ts";
import { plan } from "../scheduler/plan.ts";
import { type Database, transaction } from "../store/database.ts";
import { readSnapshot, type SnapshotBounds } from "../store/snapshot.ts";
import type { Loop } from "./loop.ts";

/** Places waiting tasks on nodes with room. */
export function scheduleTasks(database: Database, bounds: SnapshotBounds): Loop {
  return {
    name: "schedule-tasks",
    everySeconds: 2,
    notice: "schedule",
    round: async (now) => {
      const placements = plan(await readSnapshot(database, bounds));
      if (placements.length === 0) return false;
      return (await transaction(database, (sql) => placeTasks(sql, placements, now))) > 0;
    },
  };
}
