import Type, { type Static } from "typebox";
import { PoolInformation } from "./pool-settings.ts";
import {
  addition,
  DisplayName,
  Duration,
  Id,
  Int32,
  Metadata,
  model,
  optional,
  RetryCount,
  required,
  StringEnum,
  since,
} from "./schema.ts";
import { OutputFile } from "./staged-files.ts";
import {
  ApplicationPackageReference,
  authenticationTokenSettings,
  EnvironmentSetting,
  RequiredSlots,
  runSettings,
  TaskConstraints,
} from "./task-settings.ts";

/** What makes up a job, whether it is added by itself or described in a schedule. */

export const OnAllTasksComplete = StringEnum(["noaction", "terminatejob"]);
export type OnAllTasksComplete = Static<typeof OnAllTasksComplete>;

export const OnTaskFailure = StringEnum(["noaction", "performexitoptionsjobaction"]);
export type OnTaskFailure = Static<typeof OnTaskFailure>;

export const JobConstraints = model("JobConstraints", "Limits of a job.", {
  maxWallClockTime: optional(Duration(), "From creation; the job is terminated when it is over."),
  maxTaskRetryCount: optional(RetryCount(), "For tasks that do not say; −1 without limit."),
});
export type JobConstraints = Static<typeof JobConstraints>;

export const JobNetworkConfiguration = model("JobNetworkConfiguration", "The network that nodes join for a job.", {
  subnetId: Type.String(),
  skipWithdrawFromVNet: optional(since("2024-07-01.20.0", Type.Boolean())),
});
export type JobNetworkConfiguration = Static<typeof JobNetworkConfiguration>;

export const JobManagerTask = model("JobManagerTask", "A task that the service adds with the job and runs first.", {
  id: Id,
  displayName: optional(DisplayName),
  ...runSettings,
  outputFiles: optional(Type.Array(OutputFile)),
  constraints: optional(TaskConstraints),
  requiredSlots: optional(RequiredSlots),
  killJobOnCompletion: optional(Type.Boolean(), "Whether its end is the job's; true when absent."),
  runExclusive: optional(Type.Boolean(), "Whether its node runs no other task meanwhile; true when absent."),
  applicationPackageReferences: optional(Type.Array(ApplicationPackageReference)),
  ...authenticationTokenSettings,
  allowLowPriorityNode: optional(Type.Boolean(), "True when absent."),
});
export type JobManagerTask = Static<typeof JobManagerTask>;

export const JobPreparationTask = model("JobPreparationTask", "Runs on a node before the job's first task there.", {
  id: optional(Id, "`jobpreparation` when absent."),
  ...runSettings,
  constraints: optional(TaskConstraints),
  waitForSuccess: optional(Type.Boolean(), "Whether tasks wait for its success; true when absent."),
  rerunOnNodeRebootAfterSuccess: optional(Type.Boolean(), "True when absent."),
});
export type JobPreparationTask = Static<typeof JobPreparationTask>;

export const JobReleaseTask = model(
  "JobReleaseTask",
  "Runs at the end of a job on each node that was prepared for it.",
  {
    id: optional(Id, "`jobrelease` when absent."),
    ...runSettings,
    maxWallClockTime: optional(Duration({ maximumDuration: "PT15M" })),
    retentionTime: optional(Duration()),
  },
);
export type JobReleaseTask = Static<typeof JobReleaseTask>;

/** What becomes of a task that no node of the pool can ever run, as it needs more slots or nodes than there can be. */
export const OnUnsatisfiableTasks = StringEnum(["wait", "fail"]);
export type OnUnsatisfiableTasks = Static<typeof OnUnsatisfiableTasks>;

/** May change while the job lives. */
export const changeableJobSettings = {
  onUnsatisfiableTasks: optional(
    addition(OnUnsatisfiableTasks),
    "What becomes of tasks that need more slots or nodes than the pool can ever have: `wait` when absent.",
  ),
  priority: optional(Int32({ minimum: -1000, maximum: 1000 }), "Higher goes first."),
  maxParallelTasks: optional(
    since("2022-01-01.15.0", Type.Integer({ minimum: -1, maximum: 2_147_483_647, not: { const: 0 } })),
    "How many tasks of the job may run at once; −1 without limit.",
  ),
  allowTaskPreemption: optional(
    since("2022-01-01.15.0", Type.Boolean()),
    "Whether tasks of more urgent jobs may take the place of running ones.",
  ),
  constraints: optional(JobConstraints),
  onAllTasksComplete: optional(OnAllTasksComplete, "A job without tasks counts as complete."),
  metadata: optional(Metadata()),
};

/** Fixed when the job is made. */
export const fixedJobSettings = {
  displayName: optional(DisplayName),
  usesTaskDependencies: optional(Type.Boolean()),
  onTaskFailure: optional(OnTaskFailure),
  networkConfiguration: optional(JobNetworkConfiguration),
  jobManagerTask: optional(JobManagerTask),
  jobPreparationTask: optional(JobPreparationTask),
  jobReleaseTask: optional(JobReleaseTask, "Only together with a preparation task."),
  commonEnvironmentSettings: optional(Type.Array(EnvironmentSetting), "For every run of the job."),
};

export const poolInfo = required(PoolInformation, "Exactly one of its two members.");

export const JobSpecification = model("JobSpecification", "The jobs that a schedule makes.", {
  ...changeableJobSettings,
  ...fixedJobSettings,
  poolInfo,
});
export type JobSpecification = Static<typeof JobSpecification>;
