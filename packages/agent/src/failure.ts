import type { Failure } from "@kyanite/contract";
import { hasErrorCode } from "@kyanite/runtime";
import type { MemoryKill } from "./limits.ts";

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
  return new StepFailure(
    { category: "UserError", code, message: shortened(message), details: detailList(details) },
    cause,
  );
}

/** Something wrong with the node or the service. */
export function serverFailure(code: string, message: string, details: Details = {}, cause?: unknown): StepFailure {
  return new StepFailure(
    { category: "ServerError", code, message: shortened(message), details: detailList(details) },
    cause,
  );
}

const detailList = (details: Details) =>
  Object.entries(details).map(([name, value]) => ({ name, value: shortened(value) }));

const longestTextBytes = 4 * 1024;

/** What users gave us may be megabytes, and is repeated in reports, rows and logs. */
function shortened(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= longestTextBytes) return text;
  // Part of a character at the end becomes U+FFFD.
  return `${bytes.toString("utf8", 0, longestTextBytes).replace(/\uFFFD$/, "")}…`;
}

export const diskFull = (cause?: unknown) =>
  serverFailure("DiskFull", "The disk of the compute node is full", {}, cause);

export const memoryLimitExceeded = ({ limitBytes, peakBytes }: MemoryKill) =>
  userFailure("MemoryLimitExceeded", "The task was killed because it took more memory than it may have", {
    Message: `It took ${megabytes(peakBytes)} of ${megabytes(limitBytes)} MB: ${memoryAdvice}`,
    LimitBytes: String(limitBytes),
    PeakBytes: String(peakBytes),
  });

const memoryAdvice =
  "give it more requiredSlots, the pool a larger vmSize, or in a container a higher --memory if it has that";

const megabytes = (bytes: number) => (bytes / 1_000_000).toFixed(1);

/** What an error in a run means to the user. What we did not foresee is logged by the caller and shown as `Unknown`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof StepFailure) return error.failure;
  if (isDiskFullError(error)) return diskFull(error).failure;
  return serverFailure("Unknown", "The compute node could not run the task", { Message: messageOf(error) }).failure;
}

/** What an error says to people; the way to an open directory says nothing to them. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return shortened(message).replaceAll(/\/proc\/self\/fd\/\d+\//g, "");
}

export const isDiskFullError = (error: unknown) => hasErrorCode(error, "ENOSPC", "EDQUOT");
