import Type, { type Static } from "typebox";
import { operation } from "./operation.ts";
import { ErrorCategory } from "./run-outcome.ts";
import { runSteps } from "./run-steps.ts";
import { DateTime, FreeObject, Int32, model, NameValuePair, optional, required, StringEnum } from "./schema.ts";

/** What this server says of why something does not go on, is slow or has failed. */

export const Remedy = model(
  "Remedy",
  "What would change a condition. Where one call does it, that call is there as data; a sentence alone asks for thought.",
  {
    text: Type.String(),
    operation: optional(Type.String(), "Name of the operation as clients of 2022 know it, such as `Pool_Resize`."),
    method: optional(Type.String()),
    path: optional(Type.String(), "With the arguments in it, below the URL of the account."),
    arguments: optional(FreeObject(), "The path parameters by name."),
    body: optional(FreeObject()),
  },
);
export type Remedy = Static<typeof Remedy>;

export const ExplainedCondition = model("ExplainedCondition", "Something that has to be so, and whether it is.", {
  code: required(Type.String(), "Of these there is a fixed list, in docs/explain.md."),
  holds: Type.Boolean(),
  sinceTime: optional(DateTime(), "Since when it has been as it is, where that is known."),
  text: required(Type.String(), "One sentence in plain English."),
  facts: optional(FreeObject(), "The numbers and names that the sentence is made of."),
});
export type ExplainedCondition = Static<typeof ExplainedCondition>;

export const LastLines = model("LastLines", "The end of a log.", {
  file: Type.String({ description: "Such as `stderr.txt`." }),
  text: Type.String({ description: "Its last lines, 4096 bytes at most; what is no UTF-8 is replaced." }),
});
export type LastLines = Static<typeof LastLines>;

export const ExplainedFailure = model("ExplainedFailure", "How something failed, and what is known of it.", {
  category: optional(ErrorCategory),
  code: optional(Type.String()),
  message: optional(Type.String()),
  details: optional(Type.Array(NameValuePair)),
  exitCode: optional(Int32()),
  retryCount: optional(Int32(), "How often it was tried again."),
  logs: optional(Type.Array(LastLines), "Only logs that have something in them."),
  logsUnavailable: optional(Type.String(), "Why there are no logs to be shown."),
  alike: optional(Int32(), "How many other tasks of the job have failed in the same way, of those looked at."),
  lookedAt: optional(Int32(), "How many failed tasks of the job were looked at, 1000 at most."),
  advice: required(Type.Array(Type.String()), "What usually helps."),
});
export type ExplainedFailure = Static<typeof ExplainedFailure>;

export const ExplainedStep = model("ExplainedStep", "A step of a task's last run.", {
  step: StringEnum(runSteps),
  startTime: DateTime(),
  seconds: Type.Number(),
  bytes: optional(Type.Number(), "What it has fetched or sent; absent when that is nothing."),
  bytesPerSecond: optional(Type.Number(), "Over the whole step, with all else that it did."),
  text: Type.String(),
});
export type ExplainedStep = Static<typeof ExplainedStep>;

export const ExplainedPhase = model("ExplainedPhase", "A part of the time that something took.", {
  phase: Type.String({ description: "Such as `waiting` or `running`." }),
  startTime: optional(DateTime()),
  seconds: optional(Type.Number(), "Absent when it is not known."),
  isGoingOn: Type.Boolean(),
  text: Type.String(),
  steps: optional(Type.Array(ExplainedStep), "Of a run that has ended, when they are known."),
});
export type ExplainedPhase = Static<typeof ExplainedPhase>;

export const ExplanationVerdict = StringEnum(["fine", "waiting", "stuck", "failed"], {
  description:
    "`fine`: nothing is amiss. `waiting`: it goes on by itself. `stuck`: somebody has to do something. `failed`: it has ended so.",
});
export type ExplanationVerdict = Static<typeof ExplanationVerdict>;

export const Explanation = model("Explanation", "Why something is as it is, and what would change it.", {
  kind: StringEnum(["task", "job", "pool", "node", "jobSchedule", "account"]),
  id: Type.String(),
  state: optional(Type.String()),
  time: required(DateTime(), "The moment of which all this is said."),
  verdict: ExplanationVerdict,
  summary: required(Type.String(), "One sentence in plain English."),
  conditions: required(
    Type.Array(ExplainedCondition),
    "In the order in which they matter: the first that does not hold is what is in the way.",
  ),
  remedies: Type.Array(Remedy),
  failure: optional(ExplainedFailure),
  timeline: optional(Type.Array(ExplainedPhase), "Where the time went, as far as it is known."),
});
export type Explanation = Static<typeof Explanation>;

const set = "Microsoft.Azure.Batch.Protocol.Entities.Explanation";
const explained = { method: "GET", access: "read", status: 200, response: Explanation, shape: "element", set } as const;

export const explanationOperations = {
  Task_Explain: operation({
    ...explained,
    summary: "Says why a task does not run, where its time goes, or how it failed, and what would change it",
    path: "/kyanite/jobs/{jobId}/tasks/{taskId}/explanation",
    withinJob: true,
    errors: ["JobNotFound", "TaskNotFound"],
  }),
  Job_Explain: operation({
    ...explained,
    summary: "Says why a job does not go on, what of it can never run, and how its tasks fail",
    path: "/kyanite/jobs/{jobId}/explanation",
    withinJob: true,
    errors: ["JobNotFound"],
  }),
  Pool_Explain: operation({
    ...explained,
    summary: "Says why a pool has not the nodes that it should have, and what is wrong with those it has",
    path: "/kyanite/pools/{poolId}/explanation",
    errors: ["PoolNotFound"],
  }),
  ComputeNode_Explain: operation({
    ...explained,
    summary: "Says why a node takes no tasks",
    path: "/kyanite/pools/{poolId}/nodes/{nodeId}/explanation",
    errors: ["PoolNotFound", "NodeNotFound"],
  }),
  JobSchedule_Explain: operation({
    ...explained,
    summary: "Says when a job schedule makes its next job, and why not now",
    path: "/kyanite/jobschedules/{jobScheduleId}/explanation",
    errors: ["JobScheduleNotFound"],
  }),
  Account_Explain: operation({
    ...explained,
    summary: "Says what of an account needs attention",
    path: "/kyanite/explanation",
    errors: [],
  }),
} as const;
