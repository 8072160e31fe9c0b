import { afterInstanceExit, blaming, type Subtask } from "../domain/task/subtask.ts";
import { afterExit, failureOf, type RunEnd } from "../domain/task/task.ts";
import type { Sql } from "../store/database.ts";
import { lockInstancesOfRuns, saveSubtasks } from "../store/subtasks.ts";
import { decideOutcomes, saveOutcomes } from "./outcome.ts";

/**
 * Records ended runs of instances beside the primary. One of them ends by itself only when it has failed, and then it
 * is as if the task's own run had failed like that.
 * @returns the runs that are known to be of instances
 */
export async function finishInstanceRuns(
  sql: Sql,
  runs: readonly (RunEnd & { readonly runId: string })[],
  now: Date,
): Promise<ReadonlySet<string>> {
  const ends = new Map(runs.map((run) => [run.runId, run]));
  const { tasks, subtasks } = await lockInstancesOfRuns(sql, [...ends.keys()]);
  if (tasks.length === 0) return new Set();
  const failed = subtasks.flatMap((subtask) => {
    const end = ends.get(subtask.runId ?? "");
    return end && failureOf(end.exit) ? [{ subtask, end }] : [];
  });
  await saveSubtasks(
    sql,
    failed.map(({ subtask, end }) => afterInstanceExit(subtask, end, now)),
  );
  const outcomes = await decideOutcomes(sql, tasks, (task, job) => {
    const first = failed.find(({ subtask }) => subtask.taskPk === task.pk);
    if (!first) return undefined;
    const outcome = afterExit(task, job, { ...first.end, startTime: task.startTime ?? first.end.startTime }, now);
    return { ...outcome, task: blaming(outcome.task, first.subtask) };
  });
  await saveOutcomes(sql, outcomes, { now });
  return new Set(subtasks.flatMap(({ runId }: Subtask) => runId ?? []));
}
