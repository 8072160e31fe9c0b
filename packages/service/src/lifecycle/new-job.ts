import { BatchError } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { type Job, moveJob } from "../domain/job/job.ts";
import { managerTask } from "../domain/job/job-manager.ts";
import { autoPoolError } from "../domain/pool/auto-pool.ts";
import { type Sql, undoneOnFailure } from "../store/database.ts";
import { countOpenJobsAndSchedules, readJobSchedule, reserveJobId } from "../store/job-schedules.ts";
import { insertJob, type NewJob, readJob, saveJob } from "../store/jobs.ts";
import { notify } from "../store/notices.ts";
import { insertTasks } from "../store/tasks.ts";
import { requireAccount } from "./account.ts";
import { type AddingOptions, provideAutoPool } from "./auto-pool.ts";

/**
 * Adds a job, the pool that it asks for, and its job manager as its first task. A job whose pool cannot be added is
 * completed at once and says why.
 * @throws BatchError JobExists, JobBeingDeleted, JobScheduleWithSameIdExists, ActiveJobAndScheduleQuotaReached
 */
export async function addJob(
  sql: Sql,
  account: Account,
  job: NewJob,
  options: AddingOptions,
): Promise<{ pk: number; etag: string }> {
  await requireAccount(sql, account);
  await reserveJobId(sql, account, job.id);
  if (await readJobSchedule(sql, account, job.id)) throw new BatchError("JobScheduleWithSameIdExists");
  await checkJobQuota(sql, account, options);
  const added = await insertJob(sql, job);
  if (!added) {
    const existing = await readJob(sql, account, job.id);
    throw new BatchError(existing?.state === "deleting" ? "JobBeingDeleted" : "JobExists");
  }
  const whole = await withPool(sql, account, { ...job, ...added }, options);
  const manager = whole.state === "active" ? managerTask(whole) : undefined;
  if (manager) {
    await insertTasks(sql, whole, [manager], job.creationTime);
    await notify(sql, "schedule");
  }
  return added;
}

/** @throws BatchError ActiveJobAndScheduleQuotaReached when the account may not have one job or job schedule more */
export async function checkJobQuota(sql: Sql, account: Account, { quotas }: AddingOptions): Promise<void> {
  const { activeJobAndJobScheduleQuota: quota } = quotas;
  if ((await countOpenJobsAndSchedules(sql, account)) >= quota)
    throw new BatchError("ActiveJobAndScheduleQuotaReached", {
      Reason: `The account may have ${quota} active jobs and job schedules (setting active-job-and-job-schedule-quota)`,
    });
}

async function withPool(sql: Sql, account: Account, job: Job, options: AddingOptions): Promise<Job> {
  const specification = job.spec.poolInfo.autoPoolSpecification;
  if (!specification) return job;
  const user = { jobPk: job.pk, jobSchedulePk: job.jobSchedulePk };
  const next = await undoneOnFailure(sql, () => provideAutoPool(sql, account, { specification, user }, options)).then(
    (poolId) => ({ ...job, poolId, poolKey: poolId.toLowerCase() }),
    (cause) => failedJob(job, cause, options.now),
  );
  await saveJob(sql, next, "service");
  return next;
}

/** @throws the cause when it is not the client's */
function failedJob(job: Job, cause: unknown, now: Date): Job {
  const failed = cause instanceof BatchError ? moveJob(job, "fail", now) : undefined;
  if (!(cause instanceof BatchError) || !failed) throw cause;
  return { ...failed, endTime: now, schedulingError: autoPoolError(cause), completionCheckTime: null };
}
