import Type, { type Static } from "typebox";
import { ExitConditions } from "./exit-conditions.ts";
import { KeptLogs } from "./kept-logs.ts";
import { runOutcome } from "./run-outcome.ts";
import { addition, DateTime, DisplayName, Id, Int32, model, optional, required, StringEnum } from "./schema.ts";
import { OutputFile, ResourceFile } from "./staged-files.ts";
import { SubtaskState, TaskState } from "./states.ts";
import { TaskStatistics } from "./statistics.ts";
import { ComputeNodeInformation, TaskExecutionInformation } from "./task-execution.ts";
import {
  ApplicationPackageReference,
  authenticationTokenSettings,
  RequiredSlots,
  runSettings,
  TaskConstraints,
} from "./task-settings.ts";

export const AffinityInformation = model("AffinityInformation", "The node that a task would rather run on.", {
  affinityId: Type.String(),
});
export type AffinityInformation = Static<typeof AffinityInformation>;

export const MultiInstanceSettings = model("MultiInstanceSettings", "Makes a task run on several nodes at once.", {
  numberOfInstances: optional(Int32({ minimum: 1 })),
  coordinationCommandLine: required(Type.String(), "Runs on every node before the command, which runs on one only."),
  commonResourceFiles: optional(Type.Array(ResourceFile), "For every node."),
});
export type MultiInstanceSettings = Static<typeof MultiInstanceSettings>;

export const TaskIdRange = model("TaskIdRange", "Tasks whose ids are integers in a range, both ends included.", {
  start: Int32(),
  end: Int32(),
});
export type TaskIdRange = Static<typeof TaskIdRange>;

export const TaskDependencies = model("TaskDependencies", "Tasks that must succeed before this one runs.", {
  taskIds: optional(Type.Array(Type.String(), { maxTotalLength: 64_000, errorCode: "TaskDependencyListTooLong" })),
  taskIdRanges: optional(Type.Array(TaskIdRange)),
});
export type TaskDependencies = Static<typeof TaskDependencies>;

const taskSettings = {
  displayName: optional(DisplayName),
  ...runSettings,
  exitConditions: optional(ExitConditions),
  outputFiles: optional(Type.Array(OutputFile)),
  affinityInfo: optional(AffinityInformation),
  constraints: optional(TaskConstraints),
  requiredSlots: optional(RequiredSlots, "How many slots of a node it takes; one when absent."),
  multiInstanceSettings: optional(MultiInstanceSettings),
  dependsOn: optional(TaskDependencies),
  applicationPackageReferences: optional(Type.Array(ApplicationPackageReference)),
  ...authenticationTokenSettings,
  keptLogs: optional(addition(KeptLogs), "What the service keeps of the task's files when their node is gone."),
};

export const TaskAddParameter = model("TaskAddParameter", "A task to be added.", { id: Id, ...taskSettings });
export type TaskAddParameter = Static<typeof TaskAddParameter>;

export const UnsatisfiedDependencyReason = StringEnum(["waiting", "missing", "blocked", "circular"]);
export type UnsatisfiedDependencyReason = Static<typeof UnsatisfiedDependencyReason>;

export const UnsatisfiedDependency = model("UnsatisfiedDependency", "A task that another waits for, and why still.", {
  taskId: required(Type.String(), "As `dependsOn` says it; the integer where it is one of a range."),
  reason: required(
    UnsatisfiedDependencyReason,
    "`waiting`: it can still satisfy. `missing`: it, or one that it waits for, is not in the job. `blocked`: it, or " +
      "one that it waits for, has completed without satisfying those that depend on it. `circular`: it waits for itself.",
  ),
  path: optional(
    Type.Array(Type.String()),
    "The tasks from that one, left out, to the one that is missing, has completed, or closes the circle.",
  ),
});
export type UnsatisfiedDependency = Static<typeof UnsatisfiedDependency>;

export const CloudTask = model("CloudTask", "A task of a job.", {
  ...taskSettings,
  id: optional(Id),
  commandLine: optional(Type.String()),
  url: optional(Type.String()),
  eTag: optional(Type.String()),
  lastModified: optional(DateTime()),
  creationTime: optional(DateTime()),
  state: optional(TaskState),
  stateTransitionTime: optional(DateTime()),
  previousState: optional(TaskState),
  previousStateTransitionTime: optional(DateTime()),
  executionInfo: optional(TaskExecutionInformation),
  nodeInfo: optional(ComputeNodeInformation),
  stats: optional(TaskStatistics, "Only with `$expand=stats`."),
  unsatisfiedDependencies: optional(
    addition(Type.Array(UnsatisfiedDependency)),
    "The tasks that this one waits for, 100 at most; those that cannot satisfy it first. Not in lists.",
  ),
});
export type CloudTask = Static<typeof CloudTask>;

export const TaskUpdateParameter = model(
  "TaskUpdateParameter",
  "Replaces all constraints of a task; those missing go to their defaults.",
  { constraints: optional(TaskConstraints) },
  { ignores: Object.keys(CloudTask.properties) },
);
export type TaskUpdateParameter = Static<typeof TaskUpdateParameter>;

const atOnce = { minItems: 1, maxItems: 100 };

export const TaskAddCollectionParameter = model("TaskAddCollectionParameter", "Tasks to be added together.", {
  value: Type.Array(TaskAddParameter, atOnce),
});
export type TaskAddCollectionParameter = Static<typeof TaskAddCollectionParameter>;

/** How that is read: a task without an id could not be answered for, all else is between the task and its result. */
export const taskCollection = {
  envelope: Type.Object({ value: Type.Array(Type.Object({ id: Type.String() }), atOnce) }),
  element: TaskAddParameter,
};

export const ErrorMessage = model("ErrorMessage", "Text of an error.", {
  lang: optional(Type.String()),
  value: optional(Type.String()),
});
export type ErrorMessage = Static<typeof ErrorMessage>;

export const BatchErrorDetail = model("BatchErrorDetail", "A fact about an error.", {
  key: optional(Type.String()),
  value: optional(Type.String()),
});
export type BatchErrorDetail = Static<typeof BatchErrorDetail>;

export const BatchErrorBody = model("BatchError", "What went wrong with a request.", {
  code: optional(Type.String()),
  message: optional(ErrorMessage),
  values: optional(Type.Array(BatchErrorDetail)),
});
export type BatchErrorBody = Static<typeof BatchErrorBody>;

export const TaskAddStatus = StringEnum(["success", "clienterror", "servererror"]);
export type TaskAddStatus = Static<typeof TaskAddStatus>;

export const TaskAddResult = model("TaskAddResult", "What became of one of several tasks.", {
  status: required(TaskAddStatus, "Only after a server error is it worth trying the same again."),
  taskId: Type.String(),
  eTag: optional(Type.String()),
  lastModified: optional(DateTime()),
  location: optional(Type.String()),
  error: optional(BatchErrorBody),
});
export type TaskAddResult = Static<typeof TaskAddResult>;

export const SubtaskInformation = model(
  "SubtaskInformation",
  "An instance of a multi-instance task, beside its primary.",
  {
    id: optional(Int32()),
    nodeInfo: optional(ComputeNodeInformation),
    startTime: optional(DateTime()),
    ...runOutcome,
    state: optional(SubtaskState),
    stateTransitionTime: optional(DateTime()),
    previousState: optional(SubtaskState),
    previousStateTransitionTime: optional(DateTime()),
  },
);
export type SubtaskInformation = Static<typeof SubtaskInformation>;
