import { BatchError, type JobScheduleAddParameter } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { checkJobScheduleAction, type JobSchedule, moveJobSchedule } from "../domain/job-schedule/job-schedule.ts";
import { newJobSchedule } from "../domain/job-schedule/new-job-schedule.ts";
import { saveKeepAlive } from "../store/auto-pools.ts";
import type { Sql } from "../store/database.ts";
import { insertJobSchedule, readJobSchedule, reserveJobId, saveJobSchedule } from "../store/job-schedules.ts";
import { readJob } from "../store/jobs.ts";
import { notify } from "../store/notices.ts";
import { requireAccount } from "./account.ts";
import type { AddingOptions } from "./auto-pool.ts";
import { lockExistingJobSchedule } from "./existing.ts";
import { checkJobQuota } from "./new-job.ts";
import { runJobSchedule } from "./run-job-schedule.ts";

/** Entity headers of a saved schedule. */
export interface Saved {
  readonly etag: string;
  readonly lastModified: Date;
}

/**
 * Adds a job schedule and its first job if that is due; the service makes the others when they are.
 * @throws BatchError JobWithSameIdExists, JobScheduleExists, JobScheduleBeingDeleted,
 *   ActiveJobAndScheduleQuotaReached, or what is wrong with the body
 */
export async function addJobSchedule(
  sql: Sql,
  account: Account,
  body: JobScheduleAddParameter,
  options: AddingOptions,
): Promise<Saved> {
  const schedule = newJobSchedule(body, account, options.now);
  await requireAccount(sql, account);
  await reserveJobId(sql, account, schedule.id);
  if (await readJob(sql, account, schedule.id)) throw new BatchError("JobWithSameIdExists");
  await checkJobQuota(sql, account, options);
  const inserted = await insertJobSchedule(sql, schedule);
  if (!inserted) {
    const existing = await readJobSchedule(sql, account, schedule.id);
    throw new BatchError(existing?.state === "deleting" ? "JobScheduleBeingDeleted" : "JobScheduleExists");
  }
  await runJobSchedule(sql, await lockExistingJobSchedule(sql, account, { jobScheduleId: schedule.id }), options);
  await notify(sql, "jobschedules");
  return { ...inserted, lastModified: options.now };
}

/** Saves what a client changed of a schedule. Jobs made before stay as they are. */
export async function updateJobSchedule(sql: Sql, schedule: JobSchedule): Promise<Saved> {
  const { autoPoolSpecification } = schedule.spec.jobSpecification.poolInfo;
  if (autoPoolSpecification)
    await saveKeepAlive(sql, { jobSchedulePk: schedule.pk }, autoPoolSpecification.keepAlive ?? false);
  return saveForClient(sql, schedule);
}

/** Keeps a schedule from making jobs; a job that runs goes on. */
export async function disableJobSchedule(sql: Sql, schedule: JobSchedule, now: Date): Promise<Saved> {
  checkJobScheduleAction(schedule, "disable");
  return saveForClient(sql, { ...(moveJobSchedule(schedule, "disable", now) ?? schedule), lastModified: now });
}

/** Lets a schedule make jobs again; what it missed is not made up for. */
export async function enableJobSchedule(sql: Sql, schedule: JobSchedule, now: Date): Promise<Saved> {
  checkJobScheduleAction(schedule, "enable");
  return saveForClient(sql, { ...(moveJobSchedule(schedule, "enable", now) ?? schedule), lastModified: now });
}

/** Begins to end a schedule and the job that runs; with `force`, without waiting for nodes. */
export async function terminateJobSchedule(sql: Sql, schedule: JobSchedule, force: boolean, now: Date): Promise<Saved> {
  checkJobScheduleAction(schedule, force ? "terminateByForce" : "terminate");
  const next = moveJobSchedule(schedule, "terminate", now) ?? schedule;
  return saveForClient(sql, { ...next, isForced: force, lastModified: now });
}

/** Begins to delete a schedule, its jobs and their tasks, in the background; with `force`, without waiting for nodes. */
export async function beginDeleteJobSchedule(
  sql: Sql,
  schedule: JobSchedule,
  force: boolean,
  now: Date,
): Promise<void> {
  checkJobScheduleAction(schedule, force ? "deleteByForce" : "delete");
  const next = moveJobSchedule(schedule, "delete", now) ?? schedule;
  await saveJobSchedule(sql, { ...next, isForced: next.isForced || force }, "service");
  await notify(sql, "jobschedules");
}

async function saveForClient(sql: Sql, schedule: JobSchedule): Promise<Saved> {
  const saved = await saveJobSchedule(sql, schedule, "client");
  await notify(sql, "jobschedules");
  return saved;
}
