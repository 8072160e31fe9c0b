import { randomUUID } from "node:crypto";
import { loadsOf } from "../domain/load.ts";
import { afterStartTaskExit } from "../domain/start-task.ts";
import { afterExit, type RunEnd, type Task } from "../domain/task.ts";
import type { Sql } from "../store/database.ts";
import { readJobsByPk } from "../store/jobs.ts";
import { changeLoad, lockNodeOfStartRun, saveNode } from "../store/nodes.ts";
import { notify, notifyOrders } from "../store/notices.ts";
import { lockTasksOfRuns, releaseDependents, restartTasks, saveTasks } from "../store/tasks.ts";
import { endJobsWhoseTasksAreComplete, performJobActions } from "./job.ts";

/** The end of a run as its agent reports it. */
export interface FinishedRun extends RunEnd {
  readonly runId: string;
}

/**
 * Records ended runs and all that follows from them, in one transaction. A run that is not known any more (it was
 * recorded before, or its task was taken from the node) changes nothing, so a repeated report is harmless.
 */
export async function finishRuns(sql: Sql, runs: readonly FinishedRun[], now: Date): Promise<void> {
  const tasks = await lockTasksOfRuns(
    sql,
    runs.map(({ runId }) => runId),
  );
  const ends = new Map(runs.map((run) => [run.runId, run]));
  const known = new Set(tasks.map(({ runId }) => runId));
  await finishTasks(sql, tasks, ends, now);
  for (const run of runs) if (!known.has(run.runId)) await finishStartTask(sql, run, now);
}

async function finishTasks(
  sql: Sql,
  tasks: readonly Task[],
  ends: ReadonlyMap<string, RunEnd>,
  now: Date,
): Promise<void> {
  if (tasks.length === 0) return;
  const jobs = new Map(
    (await readJobsByPk(sql, [...new Set(tasks.map(({ jobPk }) => jobPk))])).map((job) => [job.pk, job]),
  );
  const outcomes = tasks.flatMap((task) => {
    const end = ends.get(task.runId ?? "");
    const job = jobs.get(task.jobPk);
    return end && job ? [{ before: task, job, ...afterExit(task, job, end, now) }] : [];
  });
  await saveTasks(
    sql,
    outcomes.map(({ task }) => task),
  );

  const retried = outcomes.filter(({ task }) => task.state === "running");
  await restartTasks(
    sql,
    retried.map(({ task }) => task.pk),
  );
  await notifyOrders(
    sql,
    retried.flatMap(({ task }) => task.nodePk ?? []),
  );

  const completed = outcomes.filter(({ task }) => task.state === "completed");
  await changeLoad(sql, loadsOf(completed.map(({ before, task }) => ({ ...before, result: task.result }))), now);
  const satisfied = completed.filter(
    ({ before, task, job }) => job.usesTaskDependencies && task.isSatisfied && !before.isSatisfied,
  );
  if (satisfied.length > 0)
    await releaseDependents(
      sql,
      satisfied.map(({ task }) => task),
    );
  await performJobActions(sql, completed, now);
  await endJobsWhoseTasksAreComplete(sql, [...new Set(completed.map(({ job }) => job.pk))], now);
  await notify(sql, "schedule");
}

async function finishStartTask(sql: Sql, run: FinishedRun, now: Date): Promise<void> {
  const node = await lockNodeOfStartRun(sql, run.runId);
  if (!node) return;
  const next = afterStartTaskExit(node, run, randomUUID(), now);
  await saveNode(sql, next);
  await (next.startRunId === null ? notify(sql, "schedule") : notifyOrders(sql, [node.pk]));
}
