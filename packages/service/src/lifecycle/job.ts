import type { Account } from "../domain/account/account.ts";
import { checkJobAction, isOpen, type Job, moveJob } from "../domain/job/job.ts";
import { saveKeepAlive } from "../store/auto-pools.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import {
  forgetCompletionChecks,
  lockJobByPk,
  readExpiredJobs,
  readJobsToCheck,
  readJobsWithCompleteTasks,
  saveJob,
} from "../store/jobs.ts";
import { notify } from "../store/notices.ts";
import { type AddingOptions, provideAutoPool } from "./auto-pool.ts";

/** Who ends a job, why, and whether without waiting for its nodes. */
export interface Ending {
  readonly by: "client" | "service";
  readonly reason: string;
  readonly force?: boolean;
}

/** Begins to end a job; the service goes on by itself until it is `completed`. */
export async function terminateJob(
  sql: Sql,
  job: Job,
  { by, reason, force = false }: Ending,
  now: Date,
): Promise<{ etag: string }> {
  checkJobAction(job, force ? "terminateByForce" : "terminate");
  const next = moveJob(job, "terminate", now) ?? job;
  const terminateReason = job.state === "terminating" ? job.terminateReason : reason;
  const lastModified = by === "client" ? now : job.lastModified;
  const saved = await saveJob(sql, { ...next, terminateReason, lastModified, isForced: force }, by);
  await notify(sql, "jobs");
  return saved;
}

/** Begins to delete a job and its tasks, in the background; with `force`, without waiting for its nodes. */
export async function beginDeleteJob(sql: Sql, job: Job, force: boolean, now: Date): Promise<void> {
  checkJobAction(job, force ? "deleteByForce" : "delete");
  await saveJob(sql, { ...(moveJob(job, "delete", now) ?? job), isForced: job.isForced || force }, "service");
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
  checkJobAction(job, "disable");
  const next = moveJob(job, "disable", now) ?? job;
  const lastModified = by === "client" ? now : job.lastModified;
  const saved = await saveJob(sql, { ...next, disableTasks: tasks, lastModified }, by);
  await notify(sql, "jobs");
  return saved;
}

export async function enableJob(sql: Sql, job: Job, now: Date): Promise<{ etag: string }> {
  checkJobAction(job, "enable");
  const next = moveJob(job, "enable", now) ?? job;
  const saved = await saveJob(sql, { ...next, disableTasks: null, lastModified: now }, "client");
  await notify(sql, "jobs");
  return saved;
}

/** Saves what a client changed of a job, and adds the auto pool that it now asks for. */
export async function updateJob(
  sql: Sql,
  account: Account,
  job: Job,
  options: AddingOptions,
): Promise<{ etag: string }> {
  const saved = await saveJob(sql, await inWantedPool(sql, account, job, options), "client");
  await notify(sql, "schedule");
  await notify(sql, "jobschedules");
  return saved;
}

async function inWantedPool(sql: Sql, account: Account, job: Job, options: AddingOptions): Promise<Job> {
  const specification = job.spec.poolInfo.autoPoolSpecification;
  if (!specification) return job;
  await saveKeepAlive(sql, { jobPk: job.pk }, specification.keepAlive ?? false);
  if (job.poolId !== "") return job;
  const user = { jobPk: job.pk, jobSchedulePk: job.jobSchedulePk };
  const poolId = await provideAutoPool(sql, account, { specification, user }, options);
  return { ...job, poolId, poolKey: poolId.toLowerCase() };
}

/** What the end of a task asks of its job, and the reason that the job shows when it is terminated. */
export interface JobAction {
  readonly job: Job;
  readonly jobAction: "none" | "disable" | "terminate";
  readonly reason: string;
}

/** Carries out what completed tasks ask of their jobs. */
export async function performJobActions(sql: Sql, actions: readonly JobAction[], now: Date): Promise<void> {
  for (const { job, jobAction, reason } of actions) {
    if (jobAction === "none") continue;
    const locked = await lockJobByPk(sql, job.pk);
    if (!locked || !isOpen(locked)) continue;
    if (jobAction === "terminate") await terminateJob(sql, locked, { by: "service", reason }, now);
    else if (locked.state === "active") await disableJob(sql, locked, "requeue", "service", now);
  }
}

/** Ends those of these jobs that asked for it and whose tasks are all complete. */
export async function endJobsWhoseTasksAreComplete(sql: Sql, pks: readonly number[], now: Date): Promise<void> {
  for (const pk of await readJobsWithCompleteTasks(sql, pks)) {
    const job = await lockJobByPk(sql, pk);
    // Adding tasks locks the job, so from here on none can be added.
    const [isComplete] = await readJobsWithCompleteTasks(sql, [pk]);
    if (job && isOpen(job) && isComplete !== undefined)
      await terminateJob(sql, job, { by: "service", reason: "AllTasksCompleted" }, now);
  }
}

/** Ends jobs that end with their tasks and were left without one to complete. */
export async function endCompleteJobs(database: Database, now: Date): Promise<void> {
  const pks = await readJobsToCheck(database, now);
  if (pks.length === 0) return;
  await transaction(database, async (sql) => {
    await endJobsWhoseTasksAreComplete(sql, pks, now);
    await forgetCompletionChecks(sql, pks);
  });
}

/** Ends jobs whose wall clock has run out. */
export async function endExpiredJobs(database: Database, now: Date): Promise<void> {
  for (const { pk } of await readExpiredJobs(database, now))
    await transaction(database, async (sql) => {
      const job = await lockJobByPk(sql, pk);
      if (job && isOpen(job)) await terminateJob(sql, job, { by: "service", reason: "MaxWallClockTimeExpiry" }, now);
    });
}
