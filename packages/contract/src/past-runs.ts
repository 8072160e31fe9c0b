import Type, { type Static } from "typebox";
import { operation } from "./operation.ts";
import { paged } from "./queries.ts";
import { TaskFailureInformation } from "./run-outcome.ts";
import { runSteps } from "./run-steps.ts";
import { DateTime, Int32, Int64, model, optional, required, StringEnum } from "./schema.ts";

export const KeptFileInformation = model("KeptFileInformation", "A file of a run, as far as it is kept.", {
  name: required(Type.String(), "Below the task's directory."),
  contentLength: required(Int64(), "Of the file as it was on its node."),
  missingLength: optional(Int64(), "How many bytes of its middle are not kept; a line says so where they were."),
  lastModified: DateTime(),
  url: required(Type.String(), "Where what is kept is read."),
});
export type KeptFileInformation = Static<typeof KeptFileInformation>;

export const TaskRunStep = model("TaskRunStep", "A step of a run.", {
  name: StringEnum(runSteps, {
    description:
      "`directories`, `packages`, `downloads` (resource files), `command`, `upload` (output files). A run that was begun anew, and the command of a multi-instance task, may have one twice.",
  }),
  startTime: required(DateTime(), "By the clock of its node."),
  endTime: DateTime(),
  bytes: optional(Int64(), "What it has fetched or sent; absent when that is nothing."),
});
export type TaskRunStep = Static<typeof TaskRunStep>;

export const TaskRun = model(
  "TaskRun",
  "One execution of a task on a node. A task that is tried again, or goes back to the queue, has several.",
  {
    id: optional(Type.String(), "Absent for the last run of a task when nothing but its success is known of it."),
    outcome: optional(
      StringEnum(["success", "failure", "interrupted"]),
      "Absent while it lasts. `interrupted`: the service took it from its node, or nobody knows how it has ended.",
    ),
    poolId: optional(Type.String()),
    nodeId: optional(Type.String()),
    startTime: optional(DateTime()),
    endTime: optional(DateTime()),
    exitCode: optional(Int32()),
    failureInfo: optional(TaskFailureInformation),
    steps: optional(
      Type.Array(TaskRunStep),
      "Of a run that took a second or more, or in which a step that fetched or sent something took 50 milliseconds or more.",
    ),
    keptFiles: optional(Type.Array(KeptFileInformation)),
  },
);
export type TaskRun = Static<typeof TaskRun>;

const runsOfTask = "/kyanite/jobs/{jobId}/tasks/{taskId}/runs";

/** The runs that a task has had, and what is kept of them when their nodes are gone. */
export const pastRunOperations = {
  TaskRun_List: operation({
    summary: "Lists the runs of a task, latest first: the present or last one, and up to 20 before it",
    method: "GET",
    path: runsOfTask,
    access: "read",
    withinJob: true,
    query: paged,
    status: 200,
    response: TaskRun,
    shape: "list",
    set: "taskruns",
    errors: ["JobNotFound", "TaskNotFound"],
  }),
  TaskRun_GetFile: operation({
    summary: "Gets what is kept of a file of one of a task's runs, or a range of it",
    method: "GET",
    path: `${runsOfTask}/{runId}/files/{filePath}`,
    access: "read",
    withinJob: true,
    conditions: "dates",
    range: true,
    status: 200,
    shape: "stream",
    errors: [
      "JobNotFound",
      "TaskNotFound",
      "TaskFilesUnavailable",
      "TaskFilesCleanedup",
      "FileNotFound",
      "IOError",
      "OperationInvalidForCurrentState",
    ],
  }),
} as const;
