import type { LeavingTask } from "../domain/node/load.ts";
import { afterTaskEnd, type Subtask } from "../domain/task/subtask.ts";
import type { Task } from "../domain/task/task.ts";
import type { Sql } from "../store/database.ts";
import { notifyOrders } from "../store/notices.ts";
import {
  coordinateInstance,
  deleteSubtasks,
  readSubtasks,
  saveSubtasks,
  startInstances,
  startPreparedGangs,
} from "../store/subtasks.ts";

/** Takes note that an instance is coordinated; after the last one the primary's command may start. */
export async function recordCoordination(sql: Sql, runId: string): Promise<void> {
  const primaryNodePk = await coordinateInstance(sql, runId);
  if (primaryNodePk !== undefined) await notifyOrders(sql, [primaryNodePk]);
}

/** Lets multi-instance tasks go on that waited until a node was prepared for their job. */
export async function startGangsOn(
  sql: Sql,
  place: { readonly jobPk: number; readonly nodePk: number },
  now: Date,
): Promise<void> {
  const started = await startPreparedGangs(sql, place, now);
  if (started.length === 0) return;
  await startInstances(sql, started, now);
  await notifyOrders(sql, nodesOf(await readSubtasks(sql, started)));
}

/**
 * Lets the instances of multi-instance tasks follow what has become of their tasks: they end, are forgotten when the
 * task goes back to the queue, or begin anew when it is tried again.
 * @returns what leaves the nodes beside the tasks themselves
 */
export async function followGangs(
  sql: Sql,
  changes: readonly { readonly before: Task; readonly task: Task }[],
  now: Date,
): Promise<LeavingTask[]> {
  const gangs = changes.filter(({ before }) => before.instances !== null && before.nodePk !== null);
  if (gangs.length === 0) return [];
  const pksIn = (state: Task["state"]) => gangs.flatMap(({ task }) => (task.state === state ? [task.pk] : []));
  const [again, completed, requeued] = [pksIn("running"), pksIn("completed"), pksIn("active")];
  const subtasks = await readSubtasks(sql, [...again, ...completed, ...requeued]);
  await startInstances(sql, again, now);
  await saveSubtasks(
    sql,
    subtasks.filter(({ taskPk }) => completed.includes(taskPk)).map((subtask) => afterTaskEnd(subtask, now)),
  );
  await deleteSubtasks(sql, requeued);
  await notifyOrders(sql, nodesOf(subtasks));
  return leaving(subtasks.filter(({ taskPk }) => !again.includes(taskPk)));
}

/** What the nodes of instances lose beside the primary, which is counted as the task itself. */
export function leaving(subtasks: readonly Subtask[]): LeavingTask[] {
  return subtasks
    .filter(({ id }) => id > 0)
    .map(({ nodePk }) => ({ nodePk, requiredSlots: 1, heldSlots: null, result: null, isUncounted: true }));
}

function nodesOf(subtasks: readonly Subtask[]): number[] {
  return [...new Set(subtasks.flatMap(({ nodePk }) => nodePk ?? []))];
}
