import type { ExitConditions, ExitOptions, RunExit } from "@kyanite/contract";

/** What an exit asks of the job and of the tasks that depend on the one that ended. */
export interface ResolvedExitOptions {
  readonly jobAction: "none" | "disable" | "terminate";
  readonly dependencyAction: "satisfy" | "block";
}

/**
 * The actions of the exit condition that an exit meets. A single code goes before a range, the first range that
 * matches before later ones, and an entry for the exit code before that for a failed upload; `default` does not
 * cover success. A task that was ended on request has not failed by itself: that asks nothing of the job.
 * @param performsJobActions whether the job's `onTaskFailure` is `performexitoptionsjobaction`
 */
export function exitOptions(
  conditions: ExitConditions | undefined,
  exit: RunExit,
  performsJobActions: boolean,
): ResolvedExitOptions {
  const succeeded = exit.kind === "exited" && exit.exitCode === 0 && exit.uploadFailure === undefined;
  const chosen = matchingOptions(conditions, exit) ?? (succeeded ? undefined : conditions?.default);
  const mayAct = performsJobActions && !(exit.kind === "ended" && exit.reason === "cancelled");
  return {
    jobAction: mayAct ? (chosen?.jobAction ?? (succeeded ? "none" : "terminate")) : "none",
    dependencyAction: chosen?.dependencyAction ?? (succeeded ? "satisfy" : "block"),
  };
}

function matchingOptions(conditions: ExitConditions | undefined, exit: RunExit): ExitOptions | undefined {
  switch (exit.kind) {
    case "failed":
      return conditions?.preProcessingError;
    case "ended":
      return undefined;
    case "exited":
      return forExitCode(conditions, exit.exitCode) ?? (exit.uploadFailure ? conditions?.fileUploadError : undefined);
  }
}

function forExitCode(conditions: ExitConditions | undefined, exitCode: number): ExitOptions | undefined {
  const single = conditions?.exitCodes?.find(({ code }) => code === exitCode);
  const range = conditions?.exitCodeRanges?.find(({ start, end }) => start <= exitCode && exitCode <= end);
  return (single ?? range)?.exitOptions;
}
