import Type, { type Static } from "typebox";
import { DateTime, Duration, Int64, model, optional, required, until } from "./schema.ts";

/** The time a roll-up covers. */
const period = { startTime: DateTime(), lastUpdateTime: DateTime() };

const url = Type.String();

export const UsageStatistics = model("UsageStatistics", "How much a pool was used.", {
  ...period,
  dedicatedCoreTime: Duration(),
});
export type UsageStatistics = Static<typeof UsageStatistics>;

export const ResourceStatistics = model("ResourceStatistics", "How busy the nodes of a pool were.", {
  ...period,
  avgCPUPercentage: Type.Number(),
  avgMemoryGiB: Type.Number(),
  peakMemoryGiB: Type.Number(),
  avgDiskGiB: Type.Number(),
  peakDiskGiB: Type.Number(),
  diskReadIOps: Int64(),
  diskWriteIOps: Int64(),
  diskReadGiB: Type.Number(),
  diskWriteGiB: Type.Number(),
  networkReadGiB: Type.Number(),
  networkWriteGiB: Type.Number(),
});
export type ResourceStatistics = Static<typeof ResourceStatistics>;

export const PoolStatistics = model("PoolStatistics", "Use and load of a pool since its creation.", {
  url,
  ...period,
  usageStats: optional(until("2026-10-01", UsageStatistics)),
  resourceStats: optional(ResourceStatistics),
});
export type PoolStatistics = Static<typeof PoolStatistics>;

/** What runs have used up. */
const usage = {
  url,
  ...period,
  userCPUTime: Duration(),
  kernelCPUTime: Duration(),
  wallClockTime: Duration(),
  readIOps: Int64(),
  writeIOps: Int64(),
  readIOGiB: Type.Number(),
  writeIOGiB: Type.Number(),
  waitTime: required(Duration(), "From adding to the first start, retries left out."),
};

const outcomes = {
  numSucceededTasks: Int64(),
  numFailedTasks: Int64(),
  numTaskRetries: Int64(),
};

export const TaskStatistics = model("TaskStatistics", "What a task has used up.", usage);
export type TaskStatistics = Static<typeof TaskStatistics>;

export const JobStatistics = model("JobStatistics", "What the tasks of a job have used up.", { ...usage, ...outcomes });
export type JobStatistics = Static<typeof JobStatistics>;

export const JobScheduleStatistics = model("JobScheduleStatistics", "What the jobs of a schedule have used up.", {
  ...usage,
  ...outcomes,
});
export type JobScheduleStatistics = Static<typeof JobScheduleStatistics>;
