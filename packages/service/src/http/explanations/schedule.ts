import type { Explanation } from "@kyanite/contract";
import { type JobScheduleIds, readExistingJobSchedule } from "../../lifecycle/existing.ts";
import { explainSchedule } from "../../scheduler/explain/schedule.ts";
import { countOpenJobsAndSchedules } from "../../store/job-schedules.ts";
import { readUnfinishedJob } from "../../store/jobs.ts";
import type { Asked } from "./asked.ts";

/** @throws BatchError JobScheduleNotFound */
export async function scheduleExplanation(
  { account, ids, sql, now }: Asked<JobScheduleIds>,
  quota: number,
): Promise<Explanation> {
  const schedule = await readExistingJobSchedule(sql, account, ids);
  const unfinished = await readUnfinishedJob(sql, schedule.pk);
  return explainSchedule({ schedule, unfinished, openJobs: await countOpenJobsAndSchedules(sql, account), quota }, now);
}
