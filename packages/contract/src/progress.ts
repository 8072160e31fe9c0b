import Type, { type Static } from "typebox";
import { TaskCounts, TaskSlotCounts } from "./job-models.ts";
import { operation } from "./operation.ts";
import { DateTime, Int32, model, optional, required, StringEnum } from "./schema.ts";
import { JobState } from "./states.ts";

/** Tasks that complete in a second; null while none has. */
const Rate = () => Type.Union([Type.Number(), Type.Null()]);

const Throughput = model("Throughput", "How many tasks complete in a second.", {
  recent: required(Rate(), "Over the last samples in which the job came further, 20 at most, and since then."),
  recentSeconds: optional(Type.Number(), "How long that is."),
  whole: required(Rate(), "Since the job was made, until it ended."),
});

const EstimateReason = StringEnum([
  "jobCompleted",
  "noTasks",
  "allCompleted",
  "jobDisabled",
  "noNodes",
  "nothingCompleted",
]);

const Estimate = model("Estimate", "When all tasks that the job has now will be complete, if it can be said.", {
  endTime: required(Type.Union([DateTime(), Type.Null()]), "If tasks go on to complete as they recently did."),
  earliest: optional(DateTime(), "With `latest`, where the end is in nine of ten cases, if the rate varies as it did."),
  latest: optional(DateTime(), "Absent when the rate varies so much that no latest end can be said."),
  reason: optional(EstimateReason, "Why no end can be said."),
  text: required(Type.String(), "The same in a sentence, with what it assumes."),
});

export const JobProgress = model("JobProgress", "How far a job is, how fast it goes on, and when it may end.", {
  jobId: Type.String(),
  state: JobState,
  time: required(DateTime(), "The moment of which all this is said."),
  taskCounts: TaskCounts,
  taskSlotCounts: TaskSlotCounts,
  completedShare: required(Rate(), "Completed tasks of all, 0 to 1; null without tasks."),
  throughput: Throughput,
  estimate: Estimate,
  stepSeconds: required(Int32(), "How long a step is."),
  times: required(Type.Array(DateTime()), "The beginning of each step, in UTC, since the job was made."),
  completedTasks: required(
    Type.Array(Type.Union([Type.Integer(), Type.Null()])),
    "How many tasks completed in each step; null before the oldest that is kept.",
  ),
});
export type JobProgress = Static<typeof JobProgress>;

export const progressOperations = {
  Job_GetProgress: operation({
    summary: "Tells how far a job is, over time, how fast it goes on, and when it may end",
    method: "GET",
    path: "/kyanite/jobs/{jobId}/progress",
    access: "read",
    withinJob: true,
    status: 200,
    response: JobProgress,
    shape: "element",
    errors: ["JobNotFound"],
  }),
} as const;
