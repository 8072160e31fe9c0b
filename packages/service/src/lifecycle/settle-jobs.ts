import { awaitingNodes, type Job, moveJob } from "../domain/job/job.ts";
import { jobDirectory } from "../domain/run/directories.ts";
import { afterDisable, afterTermination, type Task } from "../domain/task/task.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import { deleteJob, lockJobByPk, readMovingJobs, saveJob } from "../store/jobs.ts";
import { insertDirectoryRemovals } from "../store/nodes.ts";
import { notify, notifyOrders } from "../store/notices.ts";
import { deletePreparations, readPreparedNodes } from "../store/preparations.ts";
import { deleteTasks, lockRunningTasks } from "../store/tasks.ts";
import { keepUsage } from "../store/usage.ts";
import { releaseJobFromNodes } from "./preparation.ts";
import { takeFromNodes } from "./task.ts";

/** How many tasks of a job are ended or deleted in one transaction. */
const slice = 1000;
/** How many slices of a job are deleted before other jobs have their turn. */
const slicesAtOnce = 5;
const jobsAtOnce = 100;

/**
 * Brings every job that is on its way to another state one step further, slice by slice. A job that cannot be moved,
 * or has very many tasks, does not hold up the others.
 * @returns whether there is more to do at once
 * @throws the first error, when all have had their turn
 */
export async function advanceJobs(database: Database, now: Date): Promise<boolean> {
  const errors: unknown[] = [];
  let hasMore = false;
  let last = 0;
  for (;;) {
    const jobs = await readMovingJobs(database, last, jobsAtOnce);
    for (const job of jobs) {
      const isUnfinished = await advanceJob(database, job, now).catch((error: unknown) => {
        errors.push(error);
        return false;
      });
      hasMore ||= isUnfinished;
    }
    last = jobs.at(-1)?.pk ?? last;
    if (jobs.length < jobsAtOnce) break;
  }
  if (errors.length > 0) throw errors[0];
  return hasMore;
}

/** One step of one job; answers whether it can go on at once. */
async function advanceJob(database: Database, job: Job, now: Date): Promise<boolean> {
  if (job.state !== "enabling") await endRunningTasks(database, job, now);
  const isReleased = await transaction(database, (sql) => settleJob(sql, job.pk, now));
  return isReleased && !(await deleteJobInSlices(database, job.pk, now));
}

/** Takes the job's running tasks from their nodes, as its state asks. The job itself is not locked meanwhile. */
async function endRunningTasks(database: Database, job: Job, now: Date): Promise<void> {
  if (job.state === "disabling" && job.disableTasks === "wait") return;
  const decide = (task: Task) =>
    job.state === "disabling" && job.disableTasks === "requeue"
      ? afterDisable(task, now)
      : afterTermination(task, "The task was ended because its job was", now);
  for (;;) {
    const ended = await transaction(database, async (sql) => {
      const tasks = await lockRunningTasks(sql, job.pk, slice);
      await takeFromNodes(sql, tasks, decide, now);
      return tasks.length;
    });
    if (ended < slice) return;
  }
}

/** Deletes some slices of a job's tasks, and then the job; answers whether it is gone. */
async function deleteJobInSlices(database: Database, pk: number, now: Date): Promise<boolean> {
  for (let count = 0; count < slicesAtOnce; count++) {
    const isGone = await transaction(database, async (sql) => {
      const job = await lockJobByPk(sql, pk);
      if (!job) return true;
      const deleted = await deleteTasks(sql, pk, slice, now);
      await removeJobDirectory(sql, job, deleted.nodeIds);
      if (deleted.count === slice) return false;
      await forgetJob(sql, job);
      return true;
    });
    if (isGone) return true;
  }
  return false;
}

async function removeJobDirectory(sql: Sql, job: Job, nodeIds: readonly string[]): Promise<void> {
  await notifyOrders(sql, await insertDirectoryRemovals(sql, nodeIds, jobDirectory(job.id)));
}

/**
 * The job's next settled state, when nothing of it runs any more and no node has a release task to end.
 * @returns whether the job is to be deleted now
 */
async function settleJob(sql: Sql, pk: number, now: Date): Promise<boolean> {
  const job = await lockJobByPk(sql, pk);
  if (!job || (job.state !== "enabling" && (await lockRunningTasks(sql, pk, 1)).length > 0)) return false;
  if (job.state === "terminating" || job.state === "deleting") {
    const waitingNodes = await releaseJobFromNodes(sql, job, now);
    if (waitingNodes > 0) {
      await noteWaiting(sql, job, waitingNodes);
      return false;
    }
  }
  const settled = settledState(job, now);
  if (!settled) return job.state === "deleting";
  await saveJob(sql, settled, "service");
  if (settled.state === "active") await notify(sql, "schedule");
  if (settled.state === "completed") await notify(sql, "jobschedules");
  return false;
}

async function noteWaiting(sql: Sql, job: Job, nodes: number): Promise<void> {
  if (job.state === "terminating") await saveJob(sql, { ...job, schedulingError: awaitingNodes(nodes) }, "service");
}

/** Deletes what is left of a job whose tasks are gone. */
async function forgetJob(sql: Sql, job: Job): Promise<void> {
  await keepUsage(sql, job.pk);
  // Nodes are held before preparations, as everybody does.
  await removeJobDirectory(sql, job, await readPreparedNodes(sql, job.pk));
  await deletePreparations(sql, job.pk);
  await deleteJob(sql, job.pk);
  await notify(sql, "jobschedules");
}

function settledState(job: Job, now: Date): Job | undefined {
  switch (job.state) {
    case "disabling":
      return moveJob(job, "disabled", now);
    case "enabling":
      return moveJob(job, "enabled", now);
    case "terminating": {
      const completed = moveJob(job, "terminated", now);
      return completed && { ...completed, endTime: now, schedulingError: null };
    }
    default:
      return undefined;
  }
}
