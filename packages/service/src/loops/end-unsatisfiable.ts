import { endUnsatisfiable } from "../lifecycle/end-unsatisfiable.ts";
import type { Database } from "../store/database.ts";
import type { Loop } from "./loop.ts";

/** Ends tasks that can never run, of jobs that would rather have them fail than wait. */
export function endUnsatisfiableTasks(database: Database): Loop {
  return {
    name: "end-unsatisfiable-tasks",
    everySeconds: 5,
    notice: "schedule",
    round: (now) => endUnsatisfiable(database, now),
  };
}
