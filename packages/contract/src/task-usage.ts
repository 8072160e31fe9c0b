import Type, { type Static } from "typebox";
import { UseSource } from "./agent/run-end.ts";
import { operation } from "./operation.ts";
import { DateTime, Duration, Int64, model, optional, required } from "./schema.ts";

/** What this server knows of a task's use beyond its statistics. */
export const TaskUsage = model("TaskUsage", "What the runs of a task that have ended have used together.", {
  jobId: Type.String(),
  taskId: Type.String(),
  startTime: optional(DateTime(), "Of the first run; absent before that has ended."),
  endTime: optional(DateTime(), "Of the last run."),
  runs: required(Type.Integer({ minimum: 0 }), "That have begun: the first one, retries and requeues."),
  wallClockTime: Duration(),
  waitTime: required(Duration(), "From adding the task to its first start."),
  cpuSource: optional(
    UseSource,
    "Who counts: the control group of the run, the system's accounts of its processes, or the container runtime. Absent where nobody did, and then the figures are 0.",
  ),
  userCPUTime: Duration(),
  kernelCPUTime: Duration(),
  memorySource: optional(
    UseSource,
    "A control group's peak holds files in memory as well; one of processes is seen in looks, first after a second.",
  ),
  peakMemoryBytes: required(Int64(), "Of the run that had most."),
  ioSource: optional(UseSource),
  readBytes: required(Int64(), "From disks."),
  writeBytes: required(Int64(), "To disks."),
  readOperations: Int64(),
  writeOperations: Int64(),
});
export type TaskUsage = Static<typeof TaskUsage>;

export const taskUsageOperations = {
  Task_GetUsage: operation({
    summary: "Tells what a task has used of processors, memory and disks, and who has counted it",
    method: "GET",
    path: "/kyanite/jobs/{jobId}/tasks/{taskId}/usage",
    access: "read",
    withinJob: true,
    status: 200,
    response: TaskUsage,
    shape: "element",
    errors: ["JobNotFound", "TaskNotFound"],
  }),
} as const;
