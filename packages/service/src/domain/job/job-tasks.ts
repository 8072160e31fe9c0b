import {
  BatchError,
  invalidProperty,
  type JobManagerTask,
  type JobPreparationTask,
  type JobReleaseTask,
  type TaskConstraints,
  type UserIdentity,
} from "@kyanite/contract";
import { checkUserIdentity } from "../pool/user-accounts.ts";
import { checkOutputFiles, checkResourceFiles } from "../task/resource-files.ts";
import { defaultRetention, taskConstraints } from "../task/task-constraints.ts";
import type { JobSpec } from "./job.ts";

/** The tasks that belong to a job itself: its manager, and preparation and release of its nodes. */

export const defaultReleaseWallClock = "PT15M";

export const defaultUserIdentity: UserIdentity = { autoUser: { scope: "pool", elevationLevel: "nonadmin" } };

export function preparationId({ jobPreparationTask }: JobSpec): string {
  return jobPreparationTask?.id ?? "jobpreparation";
}

export function releaseId({ jobReleaseTask }: JobSpec): string {
  return jobReleaseTask?.id ?? "jobrelease";
}

/** @throws BatchError with the property and the rule it breaks */
export function checkJobTasks(job: JobSpec): void {
  const { jobManagerTask, jobPreparationTask, jobReleaseTask } = job;
  if (jobReleaseTask && !jobPreparationTask)
    throw invalidProperty("jobReleaseTask", undefined, "A job release task needs a job preparation task");
  if (jobReleaseTask && releaseId(job).toLowerCase() === preparationId(job).toLowerCase())
    throw new BatchError("TaskIdSameAsJobPreparationTask");
  if (jobManagerTask) {
    checkRun(jobManagerTask, "jobManagerTask");
    checkOutputFiles(jobManagerTask.outputFiles, "jobManagerTask.outputFiles");
    checkIdIsFree(jobManagerTask.id, job);
  }
  if (jobPreparationTask) checkRun(jobPreparationTask, "jobPreparationTask");
  if (jobReleaseTask) checkRun(jobReleaseTask, "jobReleaseTask");
}

/** @throws BatchError when the job's preparation or release task has this id */
export function checkIdIsFree(id: string, job: JobSpec): void {
  const isSame = (other: string) => other.toLowerCase() === id.toLowerCase();
  if (job.jobPreparationTask && isSame(preparationId(job))) throw new BatchError("TaskIdSameAsJobPreparationTask");
  if (job.jobReleaseTask && isSame(releaseId(job))) throw new BatchError("TaskIdSameAsJobReleaseTask");
}

function checkRun(task: JobManagerTask | JobPreparationTask | JobReleaseTask, property: string): void {
  if (task.commandLine.trim() === "" && !task.containerSettings)
    throw invalidProperty(`${property}.commandLine`, task.commandLine, "The command line may not be empty");
  checkUserIdentity(task.userIdentity, `${property}.userIdentity`);
  checkResourceFiles(task.resourceFiles, `${property}.resourceFiles`);
}

/** The job's own tasks as clients see them, with their defaults. */
export function withJobTaskDefaults(job: JobSpec, constraints: TaskConstraints): JobSpec {
  const { jobManagerTask: manager, jobPreparationTask: preparation, jobReleaseTask: release } = job;
  return {
    ...job,
    ...(manager ? { jobManagerTask: withManagerDefaults(manager, constraints) } : {}),
    ...(preparation
      ? {
          jobPreparationTask: {
            ...preparation,
            id: preparationId(job),
            userIdentity: preparation.userIdentity ?? defaultUserIdentity,
            constraints: taskConstraints(preparation.constraints),
            waitForSuccess: preparation.waitForSuccess ?? true,
            rerunOnNodeRebootAfterSuccess: preparation.rerunOnNodeRebootAfterSuccess ?? true,
          },
        }
      : {}),
    ...(release
      ? {
          jobReleaseTask: {
            ...release,
            id: releaseId(job),
            userIdentity: release.userIdentity ?? defaultUserIdentity,
            maxWallClockTime: release.maxWallClockTime ?? defaultReleaseWallClock,
            retentionTime: release.retentionTime ?? defaultRetention,
          },
        }
      : {}),
  };
}

function withManagerDefaults(manager: JobManagerTask, { maxTaskRetryCount = 0 }: TaskConstraints): JobManagerTask {
  return {
    ...manager,
    userIdentity: manager.userIdentity ?? defaultUserIdentity,
    constraints: taskConstraints({ maxTaskRetryCount, ...manager.constraints }),
    requiredSlots: manager.requiredSlots ?? 1,
    killJobOnCompletion: manager.killJobOnCompletion ?? true,
    runExclusive: manager.runExclusive ?? true,
    allowLowPriorityNode: manager.allowLowPriorityNode ?? true,
  };
}
