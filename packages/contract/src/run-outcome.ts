import Type, { type Static } from "typebox";
import { DateTime, Int32, model, NameValuePair, optional, StringEnum } from "./schema.ts";
import { TaskExecutionResult } from "./states.ts";

/** Whose fault a failure is. */
export const ErrorCategory = StringEnum(["UserError", "ServerError"]);
export type ErrorCategory = Static<typeof ErrorCategory>;

/** What any account of a failure says. */
export const failureFacts = {
  category: ErrorCategory,
  code: optional(Type.String()),
  message: optional(Type.String()),
  details: optional(Type.Array(NameValuePair)),
};

export const TaskFailureInformation = model("TaskFailureInformation", "Why a run failed.", failureFacts);
export type TaskFailureInformation = Static<typeof TaskFailureInformation>;

export const TaskContainerExecutionInformation = model(
  "TaskContainerExecutionInformation",
  "The container in which a run took place.",
  {
    containerId: optional(Type.String()),
    state: optional(Type.String(), "`created`, `running` or `exited`."),
    error: optional(Type.String(), "What the container runtime said when it failed."),
  },
);
export type TaskContainerExecutionInformation = Static<typeof TaskContainerExecutionInformation>;

/** What is known of a run's end; absent while it goes on. */
export const runOutcome = {
  endTime: optional(DateTime()),
  exitCode: optional(Int32(), "Absent when the command never started."),
  containerInfo: optional(TaskContainerExecutionInformation),
  failureInfo: optional(TaskFailureInformation),
  result: optional(TaskExecutionResult),
};

export const retries = {
  retryCount: Int32({ minimum: 0 }),
  lastRetryTime: optional(DateTime(), "Start of the latest retry."),
};
