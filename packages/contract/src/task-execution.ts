import Type, { type Static } from "typebox";
import { retries, runOutcome } from "./run-outcome.ts";
import { DateTime, Int32, model, optional } from "./schema.ts";

export const TaskExecutionInformation = model("TaskExecutionInformation", "How a task went so far.", {
  startTime: optional(DateTime(), "Of the latest run."),
  ...runOutcome,
  ...retries,
  requeueCount: Int32({ minimum: 0 }),
  lastRequeueTime: optional(DateTime()),
});
export type TaskExecutionInformation = Static<typeof TaskExecutionInformation>;

export const ComputeNodeInformation = model("ComputeNodeInformation", "The node on which a task runs or ran last.", {
  affinityId: optional(Type.String()),
  nodeUrl: optional(Type.String()),
  poolId: optional(Type.String()),
  nodeId: optional(Type.String()),
  taskRootDirectory: optional(Type.String(), "Relative to the node's root directory."),
  taskRootDirectoryUrl: optional(Type.String()),
});
export type ComputeNodeInformation = Static<typeof ComputeNodeInformation>;
