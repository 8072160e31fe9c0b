import { BatchError } from "@kyanite/contract";
import type { Account } from "../domain/account.ts";
import { managerTask } from "../domain/job-manager.ts";
import type { Sql } from "../store/database.ts";
import { countOpenJobs, insertJob, type NewJob, readJob } from "../store/jobs.ts";
import { notify } from "../store/notices.ts";
import { insertTasks } from "../store/tasks.ts";

/**
 * Adds a job, and its job manager as its first task.
 * @param quota how many open jobs the account may have
 * @throws BatchError JobExists, JobBeingDeleted, ActiveJobAndScheduleQuotaReached
 */
export async function addJob(
  sql: Sql,
  account: Account,
  job: NewJob,
  quota: number,
): Promise<{ pk: number; etag: string }> {
  if ((await countOpenJobs(sql, account)) >= quota)
    throw new BatchError("ActiveJobAndScheduleQuotaReached", {
      Reason: `The account may have ${quota} active jobs and job schedules (setting activeJobAndJobScheduleQuota)`,
    });
  const added = await insertJob(sql, job);
  if (!added) {
    const existing = await readJob(sql, account, job.id);
    throw new BatchError(existing?.state === "deleting" ? "JobBeingDeleted" : "JobExists");
  }
  const whole = { ...job, ...added };
  const manager = managerTask(whole);
  if (manager) {
    await insertTasks(sql, whole, [manager], job.creationTime);
    await notify(sql, "schedule");
  }
  return added;
}
