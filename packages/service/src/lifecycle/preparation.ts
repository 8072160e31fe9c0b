import { randomUUID } from "node:crypto";
import type { Job } from "../domain/job/job.ts";
import {
  afterInterruption,
  afterJobEnd,
  afterPreparationExit,
  afterReleaseExit,
  type NodeInterruption,
  type Preparation,
} from "../domain/job/preparation.ts";
import { afterFailedPreparation, type RunEnd } from "../domain/task/task.ts";
import type { Sql } from "../store/database.ts";
import { readJobsByPk } from "../store/jobs.ts";
import { lockNodes } from "../store/nodes.ts";
import { notify, notifyOrders } from "../store/notices.ts";
import {
  lockPreparation,
  lockPreparationsOfJob,
  lockPreparationsOnNodes,
  savePreparations,
} from "../store/preparations.ts";
import { lockTasksToStart, startPreparedTasks } from "../store/tasks.ts";
import { startGangsOn } from "./gang.ts";
import { takeFromNodes } from "./task.ts";

/** Records the end of a preparation or release task on a node, and what it means for the tasks that wait there. */
export async function finishPreparationRun(
  sql: Sql,
  found: Preparation,
  end: RunEnd & { readonly runId: string },
  now: Date,
): Promise<void> {
  const [job] = await readJobsByPk(sql, [found.jobPk]);
  await lockTasksToStart(sql, found);
  await lockNodes(sql, [found.nodePk]);
  const preparation = await lockPreparation(sql, found.pk);
  if (!job || preparation?.runId !== end.runId) return;
  if (preparation.state === "releasing") {
    await savePreparations(sql, [afterReleaseExit(preparation, end)]);
    return notify(sql, "jobs");
  }
  const next = afterPreparationExit(preparation, job.spec, end, randomUUID(), now);
  await savePreparations(sql, [next]);
  if (next.state === "prepared") {
    await startPreparedTasks(sql, found, now);
    await startGangsOn(sql, found, now);
  }
  if (next.state === "failed") {
    const tasks = await lockTasksToStart(sql, found);
    await takeFromNodes(sql, tasks, (task) => afterFailedPreparation(task, now), now);
  }
  await notifyOrders(sql, [found.nodePk]);
}

/**
 * What a loss, reboot, reimage or removal of nodes does to what jobs have prepared there. The caller holds the nodes,
 * and sees to their tasks itself.
 */
export async function interruptPreparations(
  sql: Sql,
  nodePks: readonly number[],
  interruption: NodeInterruption,
  now: Date,
): Promise<void> {
  const preparations = await lockPreparationsOnNodes(sql, nodePks);
  if (preparations.length === 0) return;
  const jobs = await jobsOf(sql, preparations);
  await savePreparations(
    sql,
    preparations.flatMap((each) => {
      const job = jobs.get(each.jobPk);
      return job ? [afterInterruption(each, job.spec, interruption, randomUUID(), now)] : [];
    }),
  );
  await notifyOrders(sql, nodePks);
  await notify(sql, "jobs");
}

/**
 * Lets the release task run on every node that a job that ends has prepared, and gives up those that cannot run.
 * @returns how many nodes the job still waits for
 */
export async function releaseJobFromNodes(sql: Sql, job: Job, now: Date): Promise<number> {
  const preparations = await lockPreparationsOfJob(sql, job.pk);
  const ended = preparations.map(({ nodeExists, ...before }) => ({
    before,
    after: afterJobEnd(before, job.spec, nodeExists && !job.isForced, randomUUID(), now),
  }));
  const changed = ended.filter(({ before, after }) => before !== after).map(({ after }) => after);
  await savePreparations(sql, changed);
  await notifyOrders(
    sql,
    changed.map(({ nodePk }) => nodePk),
  );
  return ended.filter(({ after }) => after.state === "releasing").length;
}

async function jobsOf(sql: Sql, preparations: readonly Preparation[]): Promise<Map<number, Job>> {
  const jobs = await readJobsByPk(sql, [...new Set(preparations.map(({ jobPk }) => jobPk))]);
  return new Map(jobs.map((job) => [job.pk, job]));
}
