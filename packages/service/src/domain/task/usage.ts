import { formatDuration, type JobStatistics, type TaskStatistics, type TaskUsage } from "@kyanite/contract";
import { isoTime } from "../time.ts";
import { addedUse, addUse, noUse, type ResourceUse, readUse } from "./resource-use.ts";
import type { Task } from "./task.ts";

/** What tasks have used up, as statistics count it. */
export interface Usage extends ResourceUse {
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

const nothing: Usage = { ...noUse, wallClockSeconds: 0, waitSeconds: 0, succeeded: 0, failed: 0, retries: 0 };

/** What a change of a task adds to the usage of its job. */
export function usageOf(before: Task, task: Task): JobUsage {
  const hasCompleted = task.state === "completed" && before.state !== "completed";
  const hasFirstStart = before.firstStartTime === null && task.firstStartTime !== null;
  return {
    ...addedUse(before.resourceUse, task.resourceUse),
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
      ...addUse(total, change),
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
    ...spent(usage, place),
    numSucceededTasks: String(usage.succeeded),
    numFailedTasks: String(usage.failed),
    numTaskRetries: String(usage.retries),
  };
}

/** What clients see of the usage of a task; a run that goes on counts with what it has taken so far. */
export function taskStatistics(task: Task, now: Date, url: string): TaskStatistics {
  const present = task.state === "running" && task.startTime ? (now.getTime() - task.startTime.getTime()) / 1000 : 0;
  const wallClockSeconds = task.wallClockSeconds + Math.max(0, present);
  const { use } = readUse(task.resourceUse);
  return spent({ ...use, wallClockSeconds, waitSeconds: waitSeconds(task) }, { url, since: task.creationTime, now });
}

/** What a client sees of a task's use, and who has counted it. */
export function taskUsage(task: Task, jobId: string): TaskUsage {
  const { use, sources } = readUse(task.resourceUse);
  const hasBegun = task.firstStartTime !== null || task.startTime !== null;
  return {
    jobId,
    taskId: task.id,
    ...(task.firstStartTime && { startTime: isoTime(task.firstStartTime) }),
    ...(task.endTime && { endTime: isoTime(task.endTime) }),
    runs: hasBegun ? 1 + task.retryCount + task.requeueCount + task.internalRetryCount : 0,
    wallClockTime: duration(task.wallClockSeconds),
    waitTime: duration(waitSeconds(task)),
    ...(sources.cpu && { cpuSource: sources.cpu }),
    userCPUTime: duration(use.userSeconds),
    kernelCPUTime: duration(use.kernelSeconds),
    ...(sources.memory && { memorySource: sources.memory }),
    peakMemoryBytes: count(use.memoryPeak),
    ...(sources.io && { ioSource: sources.io }),
    readBytes: count(use.readBytes),
    writeBytes: count(use.writeBytes),
    readOperations: count(use.readOperations),
    writeOperations: count(use.writeOperations),
  };
}

const gibibyte = 1024 ** 3;

/** A count as it travels: whole, and no more than 64 bits hold. */
const count = (value: number) => String(Math.min(Math.round(value), Number.MAX_SAFE_INTEGER));

/** Fractions of a second to the millisecond. */
const duration = (seconds: number) => formatDuration(Math.round(seconds * 1000) / 1000);

function spent(
  usage: ResourceUse & Pick<Usage, "wallClockSeconds" | "waitSeconds">,
  { url, since, now }: StatisticsPlace,
): TaskStatistics {
  return {
    url,
    startTime: isoTime(since),
    lastUpdateTime: isoTime(now),
    userCPUTime: duration(usage.userSeconds),
    kernelCPUTime: duration(usage.kernelSeconds),
    wallClockTime: duration(usage.wallClockSeconds),
    readIOps: count(usage.readOperations),
    writeIOps: count(usage.writeOperations),
    readIOGiB: usage.readBytes / gibibyte,
    writeIOGiB: usage.writeBytes / gibibyte,
    waitTime: duration(usage.waitSeconds),
  };
}
