import { randomUUID } from "node:crypto";
import type { RunReturn } from "@kyanite/contract";
import { afterPackages } from "../domain/boot.ts";
import { afterStartTaskExit } from "../domain/start-task.ts";
import { afterExit, afterRunReturn, type RunEnd, runSeconds, type Task } from "../domain/task.ts";
import type { EndedRun } from "../scheduler/ahead.ts";
import type { Sql } from "../store/database.ts";
import { lockNodeOfRun, saveNode } from "../store/nodes.ts";
import { notify, notifyOrders } from "../store/notices.ts";
import { readPreparationsOfRuns } from "../store/preparations.ts";
import { lockTasksOfRuns } from "../store/tasks.ts";
import { finishInstanceRuns } from "./instance-run.ts";
import { decideOutcomes, saveOutcomes } from "./outcome.ts";
import { finishPreparationRun } from "./preparation.ts";

/** The end of a run, or its return, as its agent reports it. */
export interface FinishedRun extends Omit<RunEnd, "exit"> {
  readonly runId: string;
  readonly exit: RunEnd["exit"] | RunReturn;
}

/** A run that was not returned. */
type ExecutedRun = FinishedRun & RunEnd;

const wasExecuted = (run: FinishedRun): run is ExecutedRun => run.exit.kind !== "returned";

/**
 * Records ended runs and all that follows from them, in one transaction. A run that is not known any more (it was
 * recorded before, or its task was taken from the node) changes nothing, so a repeated report is harmless.
 * @returns the runs of tasks that have ended by themselves
 */
export async function finishRuns(sql: Sql, runs: readonly FinishedRun[], now: Date): Promise<EndedRun[]> {
  const tasks = await lockTasksOfRuns(
    sql,
    runs.map(({ runId }) => runId),
  );
  const ends = new Map(runs.map((run) => [run.runId, run]));
  const known = new Set(tasks.map(({ runId }) => runId));
  await finishTasks(sql, tasks, ends, now);
  const others = runs.filter(wasExecuted).filter(({ runId }) => !known.has(runId));
  if (others.length > 0) await finishOtherRuns(sql, others, now);
  return tasks.flatMap(({ jobPk, nodePk, runId, heldSlots, requiredSlots }) => {
    const end = ends.get(runId ?? "");
    if (nodePk === null || end?.exit.kind !== "exited") return [];
    return [{ jobPk, nodePk, slots: heldSlots ?? requiredSlots, seconds: runSeconds(end) }];
  });
}

/** Ends of preparation, release and start tasks; of a run that nobody knows any more there is nothing to record. */
async function finishOtherRuns(sql: Sql, runs: readonly ExecutedRun[], now: Date): Promise<void> {
  const preparations = new Map(
    (
      await readPreparationsOfRuns(
        sql,
        runs.map(({ runId }) => runId),
      )
    ).map((preparation) => [preparation.runId, preparation]),
  );
  const left = runs.filter(({ runId }) => !preparations.has(runId));
  const instances = left.length === 0 ? new Set() : await finishInstanceRuns(sql, left, now);
  for (const run of runs) {
    const preparation = preparations.get(run.runId);
    if (preparation) await finishPreparationRun(sql, preparation, run, now);
    else if (!instances.has(run.runId)) await finishNodeRun(sql, run, now);
  }
}

async function finishTasks(
  sql: Sql,
  tasks: readonly Task[],
  ends: ReadonlyMap<string, FinishedRun>,
  now: Date,
): Promise<void> {
  const outcomes = await decideOutcomes(sql, tasks, (task, job) => {
    const end = ends.get(task.runId ?? "");
    if (!end) return undefined;
    return wasExecuted(end) ? afterExit(task, job, end, now) : afterRunReturn(task, now);
  });
  await saveOutcomes(sql, outcomes, now);
  await notifyOrders(
    sql,
    outcomes.flatMap(({ task }) => task.nodePk ?? []),
  );
}

/** Ends of the two runs that a node has to itself: the installation of packages, and the start task. */
async function finishNodeRun(sql: Sql, run: ExecutedRun, now: Date): Promise<void> {
  const node = await lockNodeOfRun(sql, run.runId);
  if (!node) return;
  const isOfPackages = node.packageRunId === run.runId;
  const next = isOfPackages
    ? afterPackages(node, run.exit, randomUUID(), now)
    : afterStartTaskExit(node, run, randomUUID(), now);
  await saveNode(sql, next);
  if (next.startRunId !== null) return notifyOrders(sql, [node.pk]);
  await notify(sql, "schedule");
  if (isOfPackages) await notify(sql, "pools");
}
