import Type, { type Static } from "typebox";
import { retries, runOutcome } from "./run-outcome.ts";
import { DateTime, model, optional, RetryCount } from "./schema.ts";
import { StartTaskState } from "./states.ts";
import { runSettings } from "./task-settings.ts";

export const StartTask = model("StartTask", "Runs on each node when it joins the pool, and after each restart.", {
  ...runSettings,
  maxTaskRetryCount: optional(RetryCount(), "−1 without limit; 0 when absent."),
  waitForSuccess: optional(Type.Boolean(), "Whether the node takes tasks only after success; true when absent."),
});
export type StartTask = Static<typeof StartTask>;

export const StartTaskInformation = model("StartTaskInformation", "How the start task of a node went.", {
  state: StartTaskState,
  startTime: DateTime(),
  ...runOutcome,
  ...retries,
});
export type StartTaskInformation = Static<typeof StartTaskInformation>;
