import Type, { type Static } from "typebox";
import { addition, DateTime, Duration, Int32, model, NameValuePair, optional, StringEnum } from "./schema.ts";

export const AutoScaleFormula = Type.String({ maxLength: 8192, errorCode: "AutoScalingFormulaTooLong" });

/** The least interval, five minutes unless a setting says otherwise, is the service's to check. */
export const AutoScaleEvaluationInterval = Duration({ maximumDuration: "PT168H" });

export const PoolEnableAutoScaleParameter = model(
  "PoolEnableAutoScaleParameter",
  "Turns autoscale on, or changes it.",
  {
    autoScaleFormula: optional(AutoScaleFormula),
    autoScaleEvaluationInterval: optional(AutoScaleEvaluationInterval),
  },
);
export type PoolEnableAutoScaleParameter = Static<typeof PoolEnableAutoScaleParameter>;

export const PoolEvaluateAutoScaleParameter = model(
  "PoolEvaluateAutoScaleParameter",
  "A formula to be tried without effect on the pool.",
  { autoScaleFormula: AutoScaleFormula },
);
export type PoolEvaluateAutoScaleParameter = Static<typeof PoolEvaluateAutoScaleParameter>;

export const AutoScaleRunError = model("AutoScaleRunError", "Why a formula could not be evaluated.", {
  code: optional(Type.String()),
  message: optional(Type.String()),
  values: optional(Type.Array(NameValuePair)),
});
export type AutoScaleRunError = Static<typeof AutoScaleRunError>;

export const AutoScaleSamples = model("AutoScaleSamples", "The samples that one part of a statement looked at.", {
  variable: Type.String({ description: "Such as `$PendingTasks`." }),
  method: optional(Type.String(), "Such as `GetSample`; absent where the last sample was meant."),
  startTime: optional(DateTime(), "Together with `endTime` the window that was asked for."),
  endTime: optional(DateTime()),
  percent: optional(Type.Number(), "How much of the window was there."),
  count: Int32(),
  values: Type.Array(Type.Number(), { description: "The latest 100, oldest first." }),
});
export type AutoScaleSamples = Static<typeof AutoScaleSamples>;

export const AutoScaleStatement = model("AutoScaleStatement", "What one statement of a formula gave.", {
  line: Int32(),
  column: Int32(),
  text: Type.String(),
  value: optional(Type.String(), "Its first 1000 characters; absent when the statement failed."),
  samples: Type.Array(AutoScaleSamples),
});
export type AutoScaleStatement = Static<typeof AutoScaleStatement>;

export const AutoScaleTrigger = StringEnum(["create", "enable", "interval", "request"]);
export type AutoScaleTrigger = Static<typeof AutoScaleTrigger>;

export const AutoScaleRun = model("AutoScaleRun", "One evaluation of a formula.", {
  timestamp: DateTime(),
  results: optional(Type.String(), "The variables' values, as `name=value` separated by semicolons."),
  error: optional(AutoScaleRunError),
  trigger: optional(addition(AutoScaleTrigger), "What made the pool evaluate its formula; absent of a mere trial."),
  statements: optional(
    addition(Type.Array(AutoScaleStatement)),
    "What each statement gave, and which samples it looked at, up to the one that failed; not in a pool's latest run.",
  ),
});
export type AutoScaleRun = Static<typeof AutoScaleRun>;
