import { afterUnsatisfiable } from "../domain/task/task.ts";
import { unsatisfiable, unsatisfiableText } from "../scheduler/eligibility.ts";
import { type Database, transaction } from "../store/database.ts";
import { lockReadyTasks, readUnfitTasks } from "../store/unsatisfiable.ts";
import { takeFromNodes } from "./task.ts";

/** So many tasks end in one transaction. */
const slice = 500;

/**
 * Ends tasks that their pools can never run, where their jobs ask for that, with all that follows from a failure.
 * @returns whether there may be more
 */
export async function endUnsatisfiable(database: Database, now: Date): Promise<boolean> {
  const unfit = new Map((await readUnfitTasks(database, slice)).map((each) => [each.taskPk, each]));
  if (unfit.size === 0) return false;
  await transaction(database, async (sql) => {
    const tasks = await lockReadyTasks(sql, [...unfit.keys()]);
    const reasons = new Map(
      tasks.flatMap((task) => {
        const pool = unfit.get(task.pk);
        const reason = pool && unsatisfiable(task, pool);
        return reason ? [[task.pk, unsatisfiableText(reason)]] : [];
      }),
    );
    const ending = tasks.filter(({ pk }) => reasons.has(pk));
    await takeFromNodes(sql, ending, (task) => afterUnsatisfiable(task, reasons.get(task.pk) ?? "", now), now);
  });
  return unfit.size === slice;
}
