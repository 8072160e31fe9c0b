import { type JobAddParameter, parseDuration, unlimitedDuration } from "@kyanite/contract";
import type { Account } from "../account/account.ts";
import { checkedPoolInfo } from "../pool/auto-pool.ts";
import { after } from "../time.ts";
import { checkSupported } from "../unsupported.ts";
import { type Job, type JobSpec, nextCompletionCheck } from "./job.ts";
import { checkJobTasks, withJobTaskDefaults } from "./job-tasks.ts";

/**
 * The job that a request asks for: the rules that need more than one property, and the defaults that clients see. A job
 * with an auto pool has no pool yet.
 * @throws BatchError with the property and the rule it breaks
 */
export function newJob(body: JobAddParameter, account: Account, now: Date): Omit<Job, "pk" | "etag"> {
  const poolInfo = checkedPoolInfo(body.poolInfo, account, now);
  const poolId = poolInfo.poolId ?? "";
  checkJobTasks(body);
  checkSupported("job", body);
  const spec = { ...withDefaults(body), poolInfo };
  return {
    accountPk: account.pk,
    jobSchedulePk: null,
    id: body.id,
    lastModified: now,
    creationTime: now,
    state: "active",
    stateTransitionTime: now,
    previousState: null,
    previousStateTransitionTime: null,
    poolKey: poolId.toLowerCase(),
    poolId,
    priority: spec.priority ?? 0,
    maxParallelTasks: spec.maxParallelTasks ?? -1,
    usesTaskDependencies: spec.usesTaskDependencies ?? false,
    onAllTasksComplete: spec.onAllTasksComplete ?? "noaction",
    onTaskFailure: spec.onTaskFailure ?? "noaction",
    disableTasks: null,
    wallClockEnd: wallClockEnd(spec, now),
    startTime: now,
    endTime: null,
    terminateReason: null,
    schedulingError: null,
    isForced: false,
    completionCheckTime: nextCompletionCheck(spec.onAllTasksComplete ?? "noaction", now),
    spec,
  };
}

/** When the job's wall clock runs out, counted from its creation. */
export function wallClockEnd(spec: JobSpec, creationTime: Date): Date | null {
  const limit = spec.constraints?.maxWallClockTime;
  if (limit === undefined || limit === unlimitedDuration) return null;
  return after(creationTime, parseDuration(limit) ?? 0);
}

function withDefaults(body: JobAddParameter): JobSpec {
  const constraints = jobConstraints(body.constraints);
  return {
    ...withJobTaskDefaults(body, constraints),
    priority: body.priority ?? 0,
    maxParallelTasks: body.maxParallelTasks ?? -1,
    allowTaskPreemption: body.allowTaskPreemption ?? false,
    usesTaskDependencies: body.usesTaskDependencies ?? false,
    constraints,
    onAllTasksComplete: body.onAllTasksComplete ?? "noaction",
    onTaskFailure: body.onTaskFailure ?? "noaction",
  };
}

/** A job's constraints as clients see them: no wall clock and no retries unless given. */
export function jobConstraints(constraints: JobAddParameter["constraints"]): NonNullable<JobSpec["constraints"]> {
  return {
    maxWallClockTime: constraints?.maxWallClockTime ?? unlimitedDuration,
    maxTaskRetryCount: constraints?.maxTaskRetryCount ?? 0,
  };
}
