import type { Ids } from "./event.ts";

/** The schedule that made a job: it is in the job's id, and no other job's id has a colon. */
export function scheduleOfJob(jobId: string): Pick<Ids, "jobScheduleId"> {
  const colon = jobId.lastIndexOf(":");
  return colon > 0 ? { jobScheduleId: jobId.slice(0, colon) } : {};
}
