import Type, { type Static } from "typebox";
import { Int32, model, optional, StringEnum } from "./schema.ts";

/** What an exit does to the job. */
export const JobAction = StringEnum(["none", "disable", "terminate"]);
export type JobAction = Static<typeof JobAction>;

/** Whether tasks that depend on this one may run. */
export const DependencyAction = StringEnum(["satisfy", "block"]);
export type DependencyAction = Static<typeof DependencyAction>;

export const ExitOptions = model("ExitOptions", "What follows from a certain end of a task.", {
  jobAction: optional(JobAction),
  dependencyAction: optional(DependencyAction),
});
export type ExitOptions = Static<typeof ExitOptions>;

export const ExitCodeMapping = model("ExitCodeMapping", "What follows from one exit code.", {
  code: Int32(),
  exitOptions: ExitOptions,
});
export type ExitCodeMapping = Static<typeof ExitCodeMapping>;

export const ExitCodeRangeMapping = model("ExitCodeRangeMapping", "What follows from a range of exit codes.", {
  start: Int32(),
  end: Int32(),
  exitOptions: ExitOptions,
});
export type ExitCodeRangeMapping = Static<typeof ExitCodeRangeMapping>;

export const ExitConditions = model("ExitConditions", "What follows from how a task ended.", {
  exitCodes: optional(Type.Array(ExitCodeMapping)),
  exitCodeRanges: optional(Type.Array(ExitCodeRangeMapping)),
  preProcessingError: optional(ExitOptions, "When the command could not be started."),
  fileUploadError: optional(ExitOptions, "When an output file could not be uploaded."),
  default: optional(ExitOptions, "For any failure that nothing else covers."),
});
export type ExitConditions = Static<typeof ExitConditions>;
