import { randomUUID } from "node:crypto";
import type { Job } from "../domain/job/job.ts";
import { afterPackages } from "../domain/node/boot.ts";
import { afterStartTaskExit } from "../domain/node/start-task.ts";
import type { ToldEnd } from "../domain/run/past-run.ts";
import {
  afterExit,
  afterRunLoss,
  afterRunReturn,
  type ExitOutcome,
  exitOfLostRun,
  type RunEnd,
  runSeconds,
  type Task,
} from "../domain/task/task.ts";
import type { TracedRun } from "../domain/trace/run-spans.ts";
import type { EndedRun } from "../scheduler/ahead.ts";
import type { Sql } from "../store/database.ts";
import { lockNodeOfRun, saveNode } from "../store/nodes.ts";
import { notify, notifyOrders } from "../store/notices.ts";
import { readPreparationsOfRuns } from "../store/preparations.ts";
import { lockTasksOfRuns } from "../store/tasks.ts";
import { finishInstanceRuns } from "./instance-run.ts";
import { decideOutcomes, saveOutcomes } from "./outcome.ts";
import { recordAwaited } from "./past-runs.ts";
import { finishPreparationRun } from "./preparation.ts";

/** The end of a run, or its return or loss, as its agent reports it. */
export interface FinishedRun extends ToldEnd {
  readonly runId: string;
}

interface FinishOptions {
  /** Whether the caller gives the slots that are freed to others itself. */
  readonly refills?: boolean;
  /** Told of runs whose tasks belong to a trace; the transaction may still fail. */
  readonly onTraced?: ((run: TracedRun) => void) | undefined;
}

/** A run with an end that can be told. */
type ExecutedRun = FinishedRun & RunEnd;

/**
 * Records ended runs and all that follows from them, in one transaction. A run that is not known any more (it was
 * recorded before, or its task was taken from the node) changes nothing, so a repeated report is harmless.
 * @returns the runs of tasks that have ended
 */
export async function finishRuns(
  sql: Sql,
  runs: readonly FinishedRun[],
  now: Date,
  { refills = false, onTraced }: FinishOptions = {},
): Promise<EndedRun[]> {
  const tasks = await lockTasksOfRuns(
    sql,
    runs.map(({ runId }) => runId),
  );
  const ends = new Map(runs.map((run) => [run.runId, run]));
  const known = new Set(tasks.map(({ runId }) => runId));
  await finishTasks(sql, tasks, ends, { now, refills, onTraced });
  const others = runs.filter(({ runId }) => !known.has(runId)).flatMap(executedRun);
  if (others.length > 0) await finishOtherRuns(sql, others, now);
  return tasks.flatMap(({ jobPk, nodePk, runId, heldSlots, requiredSlots }) => {
    const end = ends.get(runId ?? "");
    if (nodePk === null || !end || end.exit.kind === "returned") return [];
    const isCut = end.exit.kind !== "exited";
    const isContained = end.container !== undefined;
    return [{ jobPk, nodePk, slots: heldSlots ?? requiredSlots, seconds: runSeconds(end), isCut, isContained }];
  });
}

/** Only tasks are given back, and only they begin again on another node when nobody can say how they ended. */
function executedRun({ exit, ...run }: FinishedRun): readonly ExecutedRun[] {
  if (exit.kind === "returned") return [];
  return [{ ...run, exit: exit.kind === "lost" ? exitOfLostRun(exit) : exit }];
}

/** Ends of preparation, release and start tasks; of a run that nobody knows any more there is nothing to record. */
async function finishOtherRuns(sql: Sql, runs: readonly ExecutedRun[], now: Date): Promise<void> {
  await recordAwaited(sql, runs);
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
  options: FinishOptions & { readonly now: Date; readonly refills: boolean },
): Promise<void> {
  const outcomes = await decideOutcomes(sql, tasks, (task, job) => {
    const end = ends.get(task.runId ?? "");
    if (end && task.traceParent !== null) options.onTraced?.({ ...end, steps: end.steps ?? [], jobId: job.id, task });
    return end && { ...outcomeOf(task, job, end, options.now), end };
  });
  await saveOutcomes(sql, outcomes, options);
  await notifyOrders(
    sql,
    outcomes.flatMap(({ task }) => task.nodePk ?? []),
  );
}

function outcomeOf(task: Task, job: Job, { exit, ...run }: FinishedRun, now: Date): ExitOutcome {
  switch (exit.kind) {
    case "returned":
      return afterRunReturn(task, now);
    case "lost":
      return afterRunLoss(task, job, now);
    default:
      return afterExit(task, job, { ...run, exit }, now);
  }
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
