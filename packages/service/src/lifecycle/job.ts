import { BatchError } from "@kyanite/contract";
import type { Account } from "../domain/account.ts";
import { type Job, moveJob } from "../domain/job.ts";
import { afterDisable, afterTermination, type Task } from "../domain/task.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import {
  deleteJob,
  lockJob,
  lockJobByPk,
  readExpiredJobs,
  readJobsWithCompleteTasks,
  readMovingJobs,
  saveJob,
} from "../store/jobs.ts";
import { notify } from "../store/notices.ts";
import { deleteTasks, lockRunningTasks } from "../store/tasks.ts";
import { takeFromNodes } from "./task.ts";

/** How many tasks of a job are ended or deleted in one transaction. */
const slice = 1000;

/** The states in which a job takes no more requests, and how it says so. */
const refusals = {
  terminating: "JobBeingTerminated",
  completed: "JobCompleted",
  deleting: "JobBeingDeleted",
} as const;

/** @throws BatchError when the job's state forbids to change it or to add tasks to it */
export function checkJobIsOpen(job: Job): void {
  if (job.state === "terminating" || job.state === "completed" || job.state === "deleting")
    throw new BatchError(refusals[job.state]);
}

export async function lockExistingJob(sql: Sql, account: Account, id: string): Promise<Job> {
  const job = await lockJob(sql, account, id);
  if (!job) throw new BatchError("JobNotFound");
  return job;
}

/** Begins to end a job; the service goes on by itself until it is `completed`. */
export async function terminateJob(
  sql: Sql,
  job: Job,
  reason: string,
  by: "client" | "service",
  now: Date,
): Promise<{ etag: string }> {
  checkJobIsOpen(job);
  const next = moveJob(job, "terminate", now);
  if (!next) throw new BatchError("OperationInvalidForCurrentState");
  const lastModified = by === "client" ? now : job.lastModified;
  const saved = await saveJob(sql, { ...next, terminateReason: reason, lastModified }, by);
  await notify(sql, "jobs");
  return saved;
}

/** Begins to delete a job and its tasks, in the background. */
export async function beginDeleteJob(sql: Sql, job: Job, now: Date): Promise<void> {
  const next = moveJob(job, "delete", now);
  if (!next) throw new BatchError("JobBeingDeleted");
  await saveJob(sql, next, "service");
  await notify(sql, "jobs");
}

/** Begins to disable a job; what becomes of its running tasks is the client's choice. */
export async function disableJob(
  sql: Sql,
  job: Job,
  tasks: "requeue" | "terminate" | "wait",
  by: "client" | "service",
  now: Date,
): Promise<{ etag: string }> {
  checkJobIsOpen(job);
  const next = moveJob(job, "disable", now);
  if (!next) throw new BatchError("OperationInvalidForCurrentState");
  const lastModified = by === "client" ? now : job.lastModified;
  const saved = await saveJob(sql, { ...next, disableTasks: tasks, lastModified }, by);
  await notify(sql, "jobs");
  return saved;
}

export async function enableJob(sql: Sql, job: Job, now: Date): Promise<{ etag: string }> {
  checkJobIsOpen(job);
  const next = moveJob(job, "enable", now);
  if (!next) throw new BatchError("OperationInvalidForCurrentState");
  const saved = await saveJob(sql, { ...next, disableTasks: null, lastModified: now }, "client");
  await notify(sql, "jobs");
  return saved;
}

/** What a task's exit asks of its job. */
export interface JobAction {
  readonly job: Job;
  readonly jobAction: "none" | "disable" | "terminate";
}

/** Carries out what the exit conditions of completed tasks ask of their jobs. */
export async function performJobActions(sql: Sql, actions: readonly JobAction[], now: Date): Promise<void> {
  for (const { job, jobAction } of actions) {
    if (jobAction === "none") continue;
    const locked = await lockJobByPk(sql, job.pk);
    if (!locked || locked.state === "terminating" || locked.state === "completed" || locked.state === "deleting")
      continue;
    if (jobAction === "terminate") await terminateJob(sql, locked, "TaskFailed", "service", now);
    else if (locked.state === "active") await disableJob(sql, locked, "requeue", "service", now);
  }
}

/** Ends those of these jobs that asked for it and whose tasks are all complete. */
export async function endJobsWhoseTasksAreComplete(sql: Sql, pks: readonly number[], now: Date): Promise<void> {
  for (const pk of await readJobsWithCompleteTasks(sql, pks)) {
    const job = await lockJobByPk(sql, pk);
    if (job && ["active", "disabling", "disabled", "enabling"].includes(job.state))
      await terminateJob(sql, job, "AllTasksCompleted", "service", now);
  }
}

/** Ends jobs whose wall clock has run out. */
export async function endExpiredJobs(database: Database, now: Date): Promise<void> {
  for (const { pk } of await readExpiredJobs(database, now))
    await transaction(database, async (sql) => {
      const job = await lockJobByPk(sql, pk);
      if (job && moveJob(job, "terminate", now)) await terminateJob(sql, job, "MaxWallClockTimeExpiry", "service", now);
    });
}

/** Brings every job that is on its way to another state one step further, slice by slice. */
export async function advanceJobs(database: Database, now: Date): Promise<void> {
  for (const job of await readMovingJobs(database)) {
    if (job.state !== "enabling") await endRunningTasks(database, job, now);
    if (job.state === "deleting") await deleteAllTasks(database, job);
    await transaction(database, (sql) => settleJob(sql, job.pk, now));
  }
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

async function deleteAllTasks(database: Database, job: Job): Promise<void> {
  for (;;) {
    const deleted = await transaction(database, (sql) => deleteTasks(sql, job.pk, slice));
    if (deleted < slice) return;
  }
}

/** The job's next settled state, when nothing of it runs any more. */
async function settleJob(sql: Sql, pk: number, now: Date): Promise<void> {
  const job = await lockJobByPk(sql, pk);
  if (!job || (job.state !== "enabling" && (await lockRunningTasks(sql, pk, 1)).length > 0)) return;
  if (job.state === "deleting") return deleteJob(sql, pk);
  const settled = settledState(job, now);
  if (!settled) return;
  await saveJob(sql, settled, "service");
  if (settled.state === "active") await notify(sql, "schedule");
}

function settledState(job: Job, now: Date): Job | undefined {
  switch (job.state) {
    case "disabling":
      return moveJob(job, "disabled", now);
    case "enabling":
      return moveJob(job, "enabled", now);
    case "terminating": {
      const completed = moveJob(job, "terminated", now);
      return completed && { ...completed, endTime: now };
    }
    default:
      return undefined;
  }
}
