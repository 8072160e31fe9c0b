import { BatchError } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { isOpen } from "../domain/job/job.ts";
import { newJob } from "../domain/job/new-job.ts";
import {
  afterJobMade,
  awaiting,
  type JobSchedule,
  jobIdOf,
  moveJobSchedule,
  nextStep,
  postponed,
} from "../domain/job-schedule/job-schedule.ts";
import { readAccountByPk } from "../store/accounts.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import { deleteJobSchedule, lockJobScheduleByPk, saveJobSchedule } from "../store/job-schedules.ts";
import { hasJobs, lockJobsToDelete, lockUnfinishedJob } from "../store/jobs.ts";
import { notify } from "../store/notices.ts";
import type { AddingOptions } from "./auto-pool.ts";
import { beginDeleteJob, terminateJob } from "./job.ts";
import { addJob } from "./new-job.ts";

/** How many jobs of a schedule begin to be deleted in one transaction. */
const slice = 100;

/**
 * Does what a schedule has to do now: makes its next job, ends or deletes its jobs, completes or goes. Any number of
 * servers may try at once, again and again: whoever holds the schedule decides by what it finds.
 */
export async function advanceJobSchedule(database: Database, pk: number, options: AddingOptions): Promise<void> {
  await transaction(database, async (sql) => {
    const schedule = await lockJobScheduleByPk(sql, pk);
    switch (schedule?.state) {
      case "active":
        return runJobSchedule(sql, schedule, options);
      case "terminating":
        return endTerminating(sql, schedule, options.now);
      case "deleting":
        return deleteWithJobs(sql, schedule, options.now);
      default:
        return undefined;
    }
  });
}

/** Makes the next job of a schedule that is active, if it is due; completes the schedule if none comes any more. */
export async function runJobSchedule(sql: Sql, schedule: JobSchedule, options: AddingOptions): Promise<void> {
  const { now } = options;
  if (await lockUnfinishedJob(sql, schedule.pk)) return;
  const step = nextStep(schedule, now);
  switch (step.kind) {
    case "makeJob":
      return makeJob(sql, schedule, step.occurrence, options);
    case "complete":
      return complete(sql, schedule, now);
    case "wait":
      await saveJobSchedule(sql, awaiting(schedule, now), "service");
  }
}

async function makeJob(sql: Sql, schedule: JobSchedule, occurrence: Date, options: AddingOptions): Promise<void> {
  const account = await readAccountByPk(sql, schedule.accountPk);
  if (!account) throw new Error(`job schedule ${schedule.pk} has no account`);
  const next = afterJobMade(schedule, occurrence, options.now);
  const isMade = await addNextJob(sql, account, next, options);
  await saveJobSchedule(sql, isMade ? next : postponed(schedule, options.now), "service");
}

/** @returns whether the account had room for one more job */
async function addNextJob(
  sql: Sql,
  account: Account,
  { pk, id, jobCount, spec }: JobSchedule,
  options: AddingOptions,
): Promise<boolean> {
  const body = { ...spec.jobSpecification, id: jobIdOf({ id }, jobCount) };
  const job = { ...newJob(body, account, options.now), jobSchedulePk: pk };
  try {
    await addJob(sql, account, job, options);
    return true;
  } catch (cause) {
    if (cause instanceof BatchError && cause.code === "ActiveJobAndScheduleQuotaReached") return false;
    throw cause;
  }
}

async function endTerminating(sql: Sql, schedule: JobSchedule, now: Date): Promise<void> {
  const job = await lockUnfinishedJob(sql, schedule.pk);
  if (!job) return complete(sql, schedule, now);
  const force = schedule.isForced;
  if (isOpen(job) || (force && job.state === "terminating" && !job.isForced))
    await terminateJob(sql, job, { by: "service", reason: "TerminateJobSchedule", force }, now);
}

async function complete(sql: Sql, schedule: JobSchedule, now: Date): Promise<void> {
  const completed = moveJobSchedule(schedule, "complete", now);
  if (!completed) return;
  await saveJobSchedule(sql, completed, "service");
  await notify(sql, "jobschedules");
}

async function deleteWithJobs(sql: Sql, schedule: JobSchedule, now: Date): Promise<void> {
  const force = schedule.isForced;
  for (const job of await lockJobsToDelete(sql, schedule.pk, { force, limit: slice }))
    await beginDeleteJob(sql, job, force, now);
  if (await hasJobs(sql, schedule.pk)) return;
  await deleteJobSchedule(sql, schedule.pk);
  await notify(sql, "jobschedules");
}
