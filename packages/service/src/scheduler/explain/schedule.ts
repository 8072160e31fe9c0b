import type { Explanation } from "@kyanite/contract";
import type { Job } from "../../domain/job/job.ts";
import { type JobSchedule, nextRunTime } from "../../domain/job-schedule/job-schedule.ts";
import { isoTime } from "../../domain/time.ts";
import { advice, call, explanationOf, type Finding } from "./finding.ts";
import { period, secondsBetween } from "./words.ts";

export interface ScheduleFacts {
  readonly schedule: JobSchedule;
  /** The job that it made last, if that has not ended. */
  readonly unfinished: Pick<Job, "id" | "state" | "creationTime"> | undefined;
  readonly openJobs: number;
  /** The setting activeJobAndJobScheduleQuota. */
  readonly quota: number;
}

/** When a schedule makes its next job, and why not now. */
export function explainSchedule(facts: ScheduleFacts, now: Date): Explanation {
  const { schedule } = facts;
  const subject = { kind: "jobSchedule", id: schedule.id, state: schedule.state, now } as const;
  if (schedule.state !== "active")
    return explanationOf(subject, [scheduleActive(schedule)], { otherwise: "", ...over(schedule) });
  const findings = [scheduleActive(schedule), lastJobEnded(facts), belowQuota(facts), jobDue(schedule, now)];
  return explanationOf(subject, findings, { otherwise: "The next job is made in a moment" });
}

/** A schedule that has done what it should is no worry. */
const over = ({ state }: JobSchedule) => (state === "completed" ? ({ verdict: "fine" } as const) : {});

function scheduleActive({ id, state, stateTransitionTime, jobCount }: JobSchedule): Finding {
  const code = "scheduleActive";
  const since = stateTransitionTime;
  if (state === "active")
    return { code, holds: true, since, text: "The schedule is active", facts: { jobs: jobCount } };
  const told = { code, holds: false, since, facts: { jobs: jobCount } };
  if (state === "completed")
    return {
      ...told,
      text: `The schedule is over, after ${jobCount} jobs`,
      remedies: [advice("Add another schedule")],
    };
  if (state !== "disabled") return { ...told, text: `The schedule is ${state}`, passes: true };
  return {
    ...told,
    text: "The schedule is disabled",
    remedies: [call("Enable the schedule", "JobSchedule_Enable", { jobScheduleId: id })],
  };
}

/** A schedule has one job at a time. */
function lastJobEnded({ unfinished }: ScheduleFacts): Finding {
  const code = "lastJobEnded";
  if (!unfinished) return { code, holds: true, text: "The last job has ended" };
  return {
    code,
    holds: false,
    since: unfinished.creationTime,
    text: `Its job ${unfinished.id} is ${unfinished.state}, and the next is made when that has ended`,
    passes: true,
    facts: { jobId: unfinished.id },
    remedies: [
      call("See what the job waits for", "Job_Explain", { jobId: unfinished.id }),
      call("End the job", "Job_Terminate", { jobId: unfinished.id }),
    ],
  };
}

function belowQuota({ openJobs, quota }: ScheduleFacts): Finding {
  const code = "belowQuota";
  const text = `The account has ${openJobs} active jobs and schedules, and may have ${quota} (setting active-job-and-job-schedule-quota)`;
  if (openJobs < quota) return { code, holds: true, text, facts: { openJobs, quota } };
  return {
    code,
    holds: false,
    text,
    facts: { openJobs, quota },
    remedies: [advice("End jobs that are done with, or start the server with a higher setting")],
  };
}

function jobDue(schedule: JobSchedule, now: Date): Finding {
  const code = "jobDue";
  const next = nextRunTime(schedule, now);
  const { doNotRunUntil, doNotRunAfter } = schedule.spec.schedule ?? {};
  if (!next)
    return {
      code,
      holds: false,
      text: "No further job will come: the schedule ends when its last job has",
      passes: true,
    };
  if (next <= now) return { code, holds: true, text: "The next job is due" };
  const begins = doNotRunUntil !== undefined && new Date(doNotRunUntil) > now ? ", as it is not to run before" : "";
  return {
    code,
    holds: false,
    since: schedule.lastOccurrence,
    text: `The next job is due at ${isoTime(next)}, in ${period(secondsBetween(now, next))}${begins}`,
    passes: true,
    facts: { nextRunTime: isoTime(next), ...(doNotRunAfter === undefined ? {} : { doNotRunAfter }) },
  };
}
