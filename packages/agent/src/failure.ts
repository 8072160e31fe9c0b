import type { Failure } from "@kyanite/contract";
import { hasErrorCode } from "@kyanite/runtime";

/** Ends a run before or after its command, with what the API shows as `failureInfo`. */
export class StepFailure extends Error {
  override readonly name = "StepFailure";
  readonly failure: Failure;

  constructor(failure: Failure, cause?: unknown) {
    super(failure.message, { cause });
    this.failure = failure;
  }
}

type Details = Readonly<Record<string, string>>;

/** Something that the user can put right. */
export function userFailure(code: string, message: string, details: Details = {}, cause?: unknown): StepFailure {
  return new StepFailure({ category: "UserError", code, message, details: detailList(details) }, cause);
}

/** Something wrong with the node or the service. */
export function serverFailure(code: string, message: string, details: Details = {}, cause?: unknown): StepFailure {
  return new StepFailure({ category: "ServerError", code, message, details: detailList(details) }, cause);
}

const detailList = (details: Details) => Object.entries(details).map(([name, value]) => ({ name, value }));

export const diskFull = (cause?: unknown) =>
  serverFailure("DiskFull", "The disk of the compute node is full", {}, cause);

/** What an error in a run means to the user. What we did not foresee is logged by the caller and shown as `Unknown`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof StepFailure) return error.failure;
  if (isDiskFullError(error)) return diskFull(error).failure;
  const message = error instanceof Error ? error.message : String(error);
  return serverFailure("Unknown", "The compute node could not run the task", { Message: message }).failure;
}

export const isDiskFullError = (error: unknown) => hasErrorCode(error, "ENOSPC", "EDQUOT");
