import type { Explanation } from "@kyanite/contract";
import type { Job } from "../../domain/job/job.ts";
import { type JobIds, readExistingJob } from "../../lifecycle/existing.ts";
import { explainJob, type JobFacts } from "../../scheduler/explain/job.ts";
import { whatHelps } from "../../scheduler/explain/what-helps.ts";
import type { Sql } from "../../store/database.ts";
import { readCommonFailure, readFirstReady } from "../../store/explanations.ts";
import { readPool } from "../../store/pools.ts";
import { readTaskCounts } from "../../store/tasks.ts";
import { readUnsatisfiable } from "../../store/unsatisfiable.ts";
import type { Asked } from "./asked.ts";
import { waitingFacts } from "./task.ts";

/** @throws BatchError JobNotFound */
export async function jobExplanation({ account, ids, sql, now }: Asked<JobIds>): Promise<Explanation> {
  const job = await readExistingJob(sql, account, ids);
  const pool = job.poolId === "" ? undefined : await readPool(sql, account, job.poolId);
  const first = await readFirstReady(sql, job);
  const facts: JobFacts = {
    job,
    counts: await readTaskCounts(sql, job),
    next: first && (await waitingFacts(sql, account, { job, task: first })),
    unsatisfiable: pool ? await readUnsatisfiable(sql, job, pool) : { ids: [], total: 0 },
    failure: await commonFailure(sql, job),
  };
  return explainJob(facts, now);
}

/** How most of the failed tasks of a job have failed, of those that are looked at. */
async function commonFailure(sql: Sql, job: Job): Promise<JobFacts["failure"]> {
  const common = await readCommonFailure(sql, job);
  if (!common) return undefined;
  const { failure, exitCode, taskId, tasks, lookedAt } = common;
  return {
    ...failure,
    ...(exitCode === null ? {} : { exitCode }),
    taskId,
    alike: tasks,
    lookedAt,
    advice: whatHelps(failure, exitCode),
  };
}
