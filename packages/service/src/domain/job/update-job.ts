import {
  BatchError,
  invalidProperty,
  type JobPatchParameter,
  type JobUpdateParameter,
  type PoolInformation,
} from "@kyanite/contract";
import { checkedPoolInfo, checkLifetimeWithoutSchedule, isSameAutoPool } from "../pool/auto-pool.ts";
import { checkSupported } from "../unsupported.ts";
import { type Job, type JobSpec, nextCompletionCheck } from "./job.ts";
import { jobConstraints, wallClockEnd } from "./new-job.ts";

/** What of a job may change while it lives; what is absent has its default. */
type Changeable = Pick<
  JobSpec,
  | "priority"
  | "maxParallelTasks"
  | "allowTaskPreemption"
  | "constraints"
  | "onAllTasksComplete"
  | "metadata"
  | "networkConfiguration"
  | "onUnsatisfiableTasks"
>;

/**
 * The job after a PATCH: what is given replaces what was there, constraints as a whole.
 * @throws BatchError with the property and the rule it breaks
 */
export function patchedJob(job: Job, body: JobPatchParameter, now: Date): Job {
  checkSupported("job", body);
  const { poolInfo, ...given } = body;
  const { priority, maxParallelTasks, allowTaskPreemption, constraints, onAllTasksComplete, metadata } = job.spec;
  const { onUnsatisfiableTasks } = job.spec;
  const present = {
    priority,
    maxParallelTasks,
    allowTaskPreemption,
    constraints,
    onAllTasksComplete,
    metadata,
    onUnsatisfiableTasks,
  };
  return changedJob(poolInfo === undefined ? job : jobInPool(job, poolInfo, now), { ...present, ...given }, now);
}

/**
 * The job after a PUT: what is left out goes back to its default.
 * @throws BatchError with the property and the rule it breaks
 */
export function replacedJob(job: Job, body: JobUpdateParameter, now: Date): Job {
  checkSupported("job", body);
  const { poolInfo, ...given } = body;
  return changedJob(jobInPool(job, poolInfo, now), given, now);
}

function changedJob(job: Job, settings: Changeable, now: Date): Job {
  const onAllTasksComplete = settings.onAllTasksComplete ?? "noaction";
  if (job.onAllTasksComplete === "terminatejob" && onAllTasksComplete === "noaction")
    throw invalidProperty("onAllTasksComplete", onAllTasksComplete, "It cannot go back to noaction");
  const priority = settings.priority ?? 0;
  const maxParallelTasks = settings.maxParallelTasks ?? -1;
  const { metadata: _, onUnsatisfiableTasks: __, ...kept } = job.spec;
  const spec: JobSpec = {
    ...kept,
    priority,
    maxParallelTasks,
    allowTaskPreemption: settings.allowTaskPreemption ?? false,
    constraints: jobConstraints(settings.constraints),
    onAllTasksComplete,
    ...(settings.metadata === undefined ? {} : { metadata: settings.metadata }),
    ...(settings.onUnsatisfiableTasks === undefined ? {} : { onUnsatisfiableTasks: settings.onUnsatisfiableTasks }),
    ...(settings.networkConfiguration === undefined ? {} : { networkConfiguration: settings.networkConfiguration }),
  };
  return {
    ...job,
    lastModified: now,
    priority,
    maxParallelTasks,
    onAllTasksComplete,
    wallClockEnd: wallClockEnd(spec, job.creationTime),
    completionCheckTime: nextCompletionCheck(onAllTasksComplete, now),
    spec,
  };
}

/**
 * The pool may change only while the job is disabled. Whether an auto pool stays after the job may change at any time.
 * A job that gets another auto pool has no pool until that one is added.
 */
function jobInPool(job: Job, poolInfo: PoolInformation, now: Date): Job {
  const wanted = checkedPoolInfo(poolInfo, { pk: job.accountPk }, now);
  const { poolId = "", autoPoolSpecification } = wanted;
  const present = job.spec.poolInfo.autoPoolSpecification;
  if (!autoPoolSpecification && poolId.toLowerCase() === job.poolKey) return job;
  if (present && autoPoolSpecification && isSameAutoPool(present, autoPoolSpecification)) {
    if (present.keepAlive === autoPoolSpecification.keepAlive) return job;
    if (present.poolLifetimeOption === "job") return { ...job, spec: { ...job.spec, poolInfo: wanted } };
  }
  if (job.state !== "disabled")
    throw new BatchError("OperationInvalidForCurrentState", {
      PropertyName: "poolInfo",
      Reason: "The pool of a job can be changed only while the job is disabled",
    });
  if (job.jobSchedulePk === null) checkLifetimeWithoutSchedule(wanted);
  return { ...job, poolId, poolKey: poolId.toLowerCase(), spec: { ...job.spec, poolInfo: wanted } };
}
