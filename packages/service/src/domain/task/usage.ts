import { formatDuration, type JobStatistics, type TaskStatistics } from "@kyanite/contract";
import { isoTime } from "../time.ts";
import type { Task } from "./task.ts";

/** What tasks have used up, as statistics count it. */
export interface Usage {
  /** Time in which tasks ran, all runs together. */
  readonly wallClockSeconds: number;
  /** Time from adding tasks to their first start. */
  readonly waitSeconds: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly retries: number;
}

export interface JobUsage extends Usage {
  readonly jobPk: number;
}

const nothing: Usage = { wallClockSeconds: 0, waitSeconds: 0, succeeded: 0, failed: 0, retries: 0 };

/** What a change of a task adds to the usage of its job. */
export function usageOf(before: Task, task: Task): JobUsage {
  const hasCompleted = task.state === "completed" && before.state !== "completed";
  const hasFirstStart = before.firstStartTime === null && task.firstStartTime !== null;
  return {
    jobPk: task.jobPk,
    wallClockSeconds: task.wallClockSeconds - before.wallClockSeconds,
    waitSeconds: hasFirstStart ? waitSeconds(task) : 0,
    succeeded: hasCompleted && task.result === "success" ? 1 : 0,
    failed: hasCompleted && task.result !== "success" ? 1 : 0,
    retries: Math.max(0, task.retryCount - before.retryCount),
  };
}

/** What changes add up to for each job. */
export function totalUsage(changes: readonly JobUsage[]): JobUsage[] {
  const totals = new Map<number, JobUsage>();
  for (const change of changes) {
    const total = totals.get(change.jobPk) ?? { ...nothing, jobPk: change.jobPk };
    totals.set(change.jobPk, {
      jobPk: change.jobPk,
      wallClockSeconds: total.wallClockSeconds + change.wallClockSeconds,
      waitSeconds: total.waitSeconds + change.waitSeconds,
      succeeded: total.succeeded + change.succeeded,
      failed: total.failed + change.failed,
      retries: total.retries + change.retries,
    });
  }
  return [...totals.values()];
}

/** Seconds from adding a task to its first start; to its present start when that is the first. */
function waitSeconds({ creationTime, firstStartTime, startTime }: Task): number {
  const start = firstStartTime ?? startTime;
  return start === null ? 0 : Math.max(0, (start.getTime() - creationTime.getTime()) / 1000);
}

/** What statistics are about: whose they are, since when, and until when. */
interface StatisticsPlace {
  readonly url: string;
  readonly since: Date;
  readonly now: Date;
}

/** What clients see of the usage of jobs since an instant. */
export function usageStatistics(usage: Usage = nothing, place: StatisticsPlace): JobStatistics {
  return {
    ...spentTime(usage, place),
    numSucceededTasks: String(usage.succeeded),
    numFailedTasks: String(usage.failed),
    numTaskRetries: String(usage.retries),
  };
}

/** What clients see of the usage of a task; a run that goes on counts with what it has taken so far. */
export function taskStatistics(task: Task, now: Date, url: string): TaskStatistics {
  const present = task.state === "running" && task.startTime ? (now.getTime() - task.startTime.getTime()) / 1000 : 0;
  const wallClockSeconds = task.wallClockSeconds + Math.max(0, present);
  return spentTime({ wallClockSeconds, waitSeconds: waitSeconds(task) }, { url, since: task.creationTime, now });
}

/** Processor time and input and output are not measured. */
function spentTime(
  { wallClockSeconds, waitSeconds }: Pick<Usage, "wallClockSeconds" | "waitSeconds">,
  { url, since, now }: StatisticsPlace,
): TaskStatistics {
  const milliseconds = (seconds: number) => formatDuration(Math.round(seconds * 1000) / 1000);
  return {
    url,
    startTime: isoTime(since),
    lastUpdateTime: isoTime(now),
    userCPUTime: "PT0S",
    kernelCPUTime: "PT0S",
    wallClockTime: milliseconds(wallClockSeconds),
    readIOps: "0",
    writeIOps: "0",
    readIOGiB: 0,
    writeIOGiB: 0,
    waitTime: milliseconds(waitSeconds),
  };
}
