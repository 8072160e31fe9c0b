import { placeTasks } from "../lifecycle/placement.ts";
import { planOvertaking } from "../scheduler/overtaking.ts";
import { plan } from "../scheduler/plan.ts";
import type { Served } from "../scheduler/served.ts";
import { type Database, transaction } from "../store/database.ts";
import { readOvertaken } from "../store/overtaken.ts";
import { readSnapshot, type SnapshotBounds } from "../store/snapshot.ts";
import type { Loop } from "./loop.ts";

/** Places waiting tasks on nodes with room, and before tasks of lower priority that wait on nodes already. */
export function scheduleTasks(database: Database, bounds: SnapshotBounds, served: Served): Loop {
  return {
    name: "schedule-tasks",
    everySeconds: 2,
    notice: "schedule",
    round: async (now) => {
      const [snapshot, overtaken] = await Promise.all([
        readSnapshot(database, bounds, served),
        readOvertaken(database, bounds, served),
      ]);
      const placed = plan(served.addTo(snapshot, now));
      const placements = [...placed, ...planOvertaking(overtaken, placed)];
      if (placements.length === 0) return false;
      return (await transaction(database, (sql) => placeTasks(sql, placements, now))) > 0;
    },
  };
}
