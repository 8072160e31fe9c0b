import type { Log } from "@kyanite/runtime";

export interface FailureOptions {
  /** Whether an error means that the database cannot be reached now. */
  readonly isDatabaseAway: (cause: unknown) => boolean;
  readonly log: Log;
}

interface FailedRequest {
  readonly requestId: string;
  readonly method: string;
  readonly target: string;
}

/** Of an error that is not its client's, who asked is told whether to try again, and nothing of the cause. */
export function blameFor(cause: unknown, request: FailedRequest, { isDatabaseAway, log }: FailureOptions) {
  if (isDatabaseAway(cause)) return "database" as const;
  const { requestId, method, target } = request;
  log.error("request failed", { requestId, method, path: target.split("?")[0], cause });
  return "service" as const;
}

const retryAfterSeconds = "2";

/** When to come again, for who is told that there is too much to do now. */
export function retryHeaders(status: number): { readonly "retry-after"?: string } {
  return status === 503 || status === 429 ? { "retry-after": retryAfterSeconds } : {};
}
