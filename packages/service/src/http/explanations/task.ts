import type { ExplainedFailure, Explanation, Failure } from "@kyanite/contract";
import type { Account } from "../../domain/account/account.ts";
import type { Job } from "../../domain/job/job.ts";
import { unsatisfiedDependencies } from "../../domain/task/open-dependency.ts";
import type { Task } from "../../domain/task/task.ts";
import { readExistingTask, type TaskIds } from "../../lifecycle/existing.ts";
import { readLastRun } from "../../lifecycle/kept-files.ts";
import type { PoolFacts } from "../../scheduler/explain/pool-facts.ts";
import { whyNotPlaced } from "../../scheduler/explain/refusal.ts";
import { explainTask } from "../../scheduler/explain/task.ts";
import type { Placing, TaskFacts } from "../../scheduler/explain/task-facts.ts";
import { whatHelps } from "../../scheduler/explain/what-helps.ts";
import type { PoolSnapshot } from "../../scheduler/snapshot.ts";
import type { Sql } from "../../store/database.ts";
import { readOpenDependencies } from "../../store/dependencies.ts";
import {
  countAlike,
  readLine,
  readOpenNodes,
  readPoolFacts,
  readPreparationsToTell,
} from "../../store/explanations.ts";
import { readNodeById } from "../../store/nodes.ts";
import { readPool } from "../../store/pools.ts";
import { readPoolSnapshot } from "../../store/snapshot.ts";
import { readTaskCounts } from "../../store/tasks.ts";
import { readWaiter } from "../../store/waiting-tasks.ts";
import type { Asked } from "./asked.ts";
import { logsOfTask } from "./logs.ts";

/** @throws BatchError JobNotFound, TaskNotFound */
export async function taskExplanation(asked: Asked<TaskIds>): Promise<Explanation> {
  const { account, ids, sql, now } = asked;
  const { job, task } = await readExistingTask(sql, account, ids);
  const facts = await waitingFacts(sql, account, { job, task });
  const failure = task.failureInfo ? await failureOfTask(asked, { job, task, failure: task.failureInfo }) : undefined;
  const run = task.state === "completed" ? await readLastRun(sql, task) : undefined;
  return explainTask({ ...facts, failure, steps: run?.steps ?? [] }, now);
}

/** All that is known of a task but how it ran and failed. */
export async function waitingFacts(
  sql: Sql,
  account: Account,
  { job, task }: { readonly job: Job; readonly task: Task },
): Promise<TaskFacts> {
  const found = job.poolId === "" ? undefined : await readPool(sql, account, job.poolId);
  const pool = found && (await readPoolFacts(sql, found));
  const isWaiting = task.state === "active";
  const node = task.nodeInfo ? await readNodeById(sql, task.nodeInfo.nodeId) : undefined;
  const open = isWaiting && task.waitingFor > 0 ? await readOpenDependencies(sql, task) : [];
  const { running } = await readTaskCounts(sql, job);
  return {
    task,
    job,
    runningTasks: running,
    dependencies: unsatisfiedDependencies(task.pk, open),
    pool,
    placing: isWaiting && pool ? await placingOf(sql, { job, task, pool }) : undefined,
    preparations: await readPreparationsToTell(sql, job, task.nodeInfo?.nodeId),
    nodeFreeSlots: node && node.slots - node.usedSlots,
    failure: undefined,
    steps: [],
  };
}

interface Placed {
  readonly job: Job;
  readonly task: Task;
  readonly pool: PoolFacts;
}

/** As much as the planner reads in a round, so that it would say the same. */
const bounds = { tasksPerPool: 500, jobsPerPool: 100 };

/** What the planner would say of a task, as things are now. */
async function placingOf(sql: Sql, { job, task, pool: { pool } }: Placed): Promise<Placing | undefined> {
  const waiter = await readWaiter(sql, pool.pk, task.pk);
  if (!waiter || task.waitingFor > 0 || job.state !== "active") return undefined;
  const nodes = await readOpenNodes(sql, pool.pk);
  const gangs = pool.enableInterNodeCommunication && pool.taskSlotsPerNode === 1 ? nodes.length : 0;
  const empty: PoolSnapshot = { poolPk: pool.pk, fillType: "spread", jobs: [], nodes, gangNodes: gangs };
  const snapshot = { ...empty, ...(await readPoolSnapshot(sql, pool.pk, bounds)), nodes };
  return { refusal: whyNotPlaced(snapshot, waiter), line: await readLine(sql, job, task) };
}

async function failureOfTask(
  { sql, nodeFiles, storage, signal }: Asked<TaskIds>,
  { job, task, failure }: { readonly job: Job; readonly task: Task; readonly failure: Failure },
): Promise<ExplainedFailure> {
  const { alike, lookedAt } = await countAlike(sql, task, failure);
  return {
    ...failure,
    ...(task.exitCode === null ? {} : { exitCode: task.exitCode }),
    retryCount: task.retryCount,
    ...(await logsOfTask({ database: sql, nodeFiles, storage }, { job, task }, signal)),
    alike,
    lookedAt,
    advice: whatHelps(failure, task.exitCode),
  };
}
