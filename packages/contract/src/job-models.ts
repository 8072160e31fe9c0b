import Type, { type Static } from "typebox";
import { changeableJobSettings, fixedJobSettings, JobNetworkConfiguration, poolInfo } from "./job-settings.ts";
import { PoolInformation } from "./pool-settings.ts";
import { failureFacts, retries, runOutcome } from "./run-outcome.ts";
import { addition, DateTime, Id, Int32, model, optional, required, StringEnum, since } from "./schema.ts";
import { JobPreparationTaskState, JobReleaseTaskState, JobState } from "./states.ts";
import { JobStatistics } from "./statistics.ts";

export const JobAddParameter = model("JobAddParameter", "A job to be added.", {
  id: Id,
  ...changeableJobSettings,
  ...fixedJobSettings,
  poolInfo,
});
export type JobAddParameter = Static<typeof JobAddParameter>;

export const JobSchedulingError = model("JobSchedulingError", "Why a job could not be scheduled.", failureFacts);
export type JobSchedulingError = Static<typeof JobSchedulingError>;

export const JobExecutionInformation = model("JobExecutionInformation", "How a job went so far.", {
  startTime: DateTime(),
  endTime: optional(DateTime()),
  poolId: optional(Type.String(), "The pool its tasks run on, automatic or not."),
  schedulingError: optional(JobSchedulingError),
  terminateReason: optional(Type.String(), "Who or what ended it."),
});
export type JobExecutionInformation = Static<typeof JobExecutionInformation>;

export const CloudJob = model("CloudJob", "A job: tasks that share a pool and their settings.", {
  id: optional(Type.String()),
  url: optional(Type.String()),
  eTag: optional(Type.String()),
  lastModified: optional(DateTime()),
  creationTime: optional(DateTime()),
  state: optional(JobState),
  stateTransitionTime: optional(DateTime()),
  previousState: optional(JobState, "The last settled state; absent in the first."),
  previousStateTransitionTime: optional(DateTime()),
  ...changeableJobSettings,
  ...fixedJobSettings,
  poolInfo: optional(PoolInformation),
  executionInfo: optional(JobExecutionInformation),
  stats: optional(JobStatistics, "Only with `$expand=stats`."),
});
export type CloudJob = Static<typeof CloudJob>;

export const JobPatchParameter = model("JobPatchParameter", "Properties of a job to be replaced; others stay.", {
  ...changeableJobSettings,
  poolInfo: optional(PoolInformation, "Another pool only while the job is disabled."),
  networkConfiguration: optional(since("2024-07-01.20.0", JobNetworkConfiguration)),
});
export type JobPatchParameter = Static<typeof JobPatchParameter>;

export const JobUpdateParameter = model(
  "JobUpdateParameter",
  "Replaces all changeable properties of a job; those missing go to their defaults.",
  { ...changeableJobSettings, poolInfo },
  { ignores: Object.keys(CloudJob.properties) },
);
export type JobUpdateParameter = Static<typeof JobUpdateParameter>;

/** What becomes of running tasks when their job is disabled. */
export const DisableJobOption = StringEnum(["requeue", "terminate", "wait"]);
export type DisableJobOption = Static<typeof DisableJobOption>;

export const JobDisableParameter = model("JobDisableParameter", "How a job is disabled.", {
  disableTasks: DisableJobOption,
});
export type JobDisableParameter = Static<typeof JobDisableParameter>;

export const JobTerminateParameter = model("JobTerminateParameter", "Why a job is terminated.", {
  terminateReason: optional(Type.String(), "`UserTerminate` when absent."),
});
export type JobTerminateParameter = Static<typeof JobTerminateParameter>;

const specialRun = {
  startTime: DateTime(),
  ...runOutcome,
  taskRootDirectory: optional(Type.String()),
  taskRootDirectoryUrl: optional(Type.String()),
};

export const JobPreparationTaskExecutionInformation = model(
  "JobPreparationTaskExecutionInformation",
  "How the preparation of a node for a job went.",
  { state: JobPreparationTaskState, ...specialRun, ...retries },
);
export type JobPreparationTaskExecutionInformation = Static<typeof JobPreparationTaskExecutionInformation>;

export const JobReleaseTaskExecutionInformation = model(
  "JobReleaseTaskExecutionInformation",
  "How the release of a node from a job went.",
  { state: JobReleaseTaskState, ...specialRun },
);
export type JobReleaseTaskExecutionInformation = Static<typeof JobReleaseTaskExecutionInformation>;

export const JobPreparationAndReleaseTaskExecutionInformation = model(
  "JobPreparationAndReleaseTaskExecutionInformation",
  "Preparation and release of one node for a job.",
  {
    poolId: optional(Type.String()),
    nodeId: optional(Type.String()),
    nodeUrl: optional(Type.String()),
    jobPreparationTaskExecutionInfo: optional(JobPreparationTaskExecutionInformation),
    jobReleaseTaskExecutionInfo: optional(JobReleaseTaskExecutionInformation),
  },
);
export type JobPreparationAndReleaseTaskExecutionInformation = Static<
  typeof JobPreparationAndReleaseTaskExecutionInformation
>;

const counts = {
  active: Int32(),
  running: required(Int32(), "Those being prepared included."),
  completed: required(Int32(), "The sum of succeeded and failed."),
  succeeded: Int32(),
  failed: Int32(),
};

export const TaskCounts = model("TaskCounts", "How many tasks of a job are in which state.", counts);
export type TaskCounts = Static<typeof TaskCounts>;

export const TaskSlotCounts = model("TaskSlotCounts", "How many slots the tasks of a job need, by state.", counts);
export type TaskSlotCounts = Static<typeof TaskSlotCounts>;

export const TaskCountsResult = model("TaskCountsResult", "Tasks of a job by state, and the slots they need.", {
  taskCounts: TaskCounts,
  taskSlotCounts: since("2020-09-01.12.0", TaskSlotCounts),
  allWaitForOthers: optional(
    addition(Type.Boolean()),
    "Present, and true, when no task runs and each active one waits for a dependency: none goes on by itself.",
  ),
});
export type TaskCountsResult = Static<typeof TaskCountsResult>;
