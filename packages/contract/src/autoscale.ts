import Type, { type Static } from "typebox";
import { DateTime, Duration, model, NameValuePair, optional } from "./schema.ts";

export const AutoScaleFormula = Type.String({ maxLength: 8192, errorCode: "AutoScalingFormulaTooLong" });

export const AutoScaleEvaluationInterval = Duration({ minimumDuration: "PT5M", maximumDuration: "PT168H" });

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

export const AutoScaleRun = model("AutoScaleRun", "One evaluation of a formula.", {
  timestamp: DateTime(),
  results: optional(Type.String(), "The variables' values, as `name=value` separated by semicolons."),
  error: optional(AutoScaleRunError),
});
export type AutoScaleRun = Static<typeof AutoScaleRun>;
