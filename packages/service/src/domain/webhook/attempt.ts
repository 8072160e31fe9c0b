import type { Cursor } from "../event/cursor.ts";
import { after } from "../time.ts";
import type { Webhook } from "./webhook.ts";

/** What came of a request to a receiver. */
export type Attempt =
  | { readonly kind: "answered"; readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly kind: "unanswered"; readonly reason: string };

export const isTaken = (attempt: Attempt) =>
  attempt.kind === "answered" && attempt.status >= 200 && attempt.status < 300;

/** By this answer a receiver says that it wants nothing more, ever. */
const isGone = (attempt: Attempt) => attempt.kind === "answered" && attempt.status === 410;

/** What went wrong, in a few words. */
export function failureOf(attempt: Attempt): string {
  if (attempt.kind === "unanswered") return attempt.reason;
  const isRedirect = attempt.status >= 300 && attempt.status < 400;
  return `The receiver answered ${attempt.status}${isRedirect ? "; redirects are not followed" : ""}`;
}

const firstDelaySeconds = 5;
const longestDelaySeconds = 3_600;

/**
 * How long to wait after so many attempts in vain: twice as long each time, and each time by chance up to half of that
 * less, so that webhooks of one receiver do not all come at once.
 * @param chance from 0 to 1
 */
export function retryDelaySeconds(attempts: number, chance: number, askedSeconds = 0): number {
  const delay = Math.min(longestDelaySeconds, firstDelaySeconds * 2 ** (attempts - 1));
  return Math.max(delay * (1 - chance / 2), Math.min(askedSeconds, longestDelaySeconds));
}

/** The part of a webhook that attempts change. */
export type Progress = Pick<
  Webhook,
  | "position"
  | "events"
  | "state"
  | "stateReason"
  | "attempts"
  | "nextAttemptTime"
  | "deliveredCount"
  | "consecutiveFailures"
  | "lastSuccessTime"
  | "lastFailureTime"
  | "lastFailure"
>;

export interface Sent {
  /** How many events the request had. */
  readonly count: number;
  /** Where the webhook is when they are settled. */
  readonly end: Cursor;
}

export interface Outcome {
  readonly progress: Progress;
  /** Whether the events are not tried again. */
  readonly isGivenUp: boolean;
}

/** What becomes of a webhook when events were sent. */
export function afterAttempt(
  webhook: Webhook,
  sent: Sent,
  attempt: Attempt,
  { now, chance }: { readonly now: Date; readonly chance: number },
): Outcome {
  if (isTaken(attempt)) {
    const settled = { ...webhook, ...sent.end, attempts: 0, nextAttemptTime: null };
    const deliveredCount = webhook.deliveredCount + sent.count;
    return {
      progress: { ...settled, deliveredCount, consecutiveFailures: 0, lastSuccessTime: now },
      isGivenUp: false,
    };
  }
  const failed = {
    ...webhook,
    consecutiveFailures: webhook.consecutiveFailures + 1,
    lastFailureTime: now,
    lastFailure: failureOf(attempt),
  };
  if (isGone(attempt))
    return {
      progress: { ...failed, attempts: 0, nextAttemptTime: null, state: "disabled", stateReason: failureOf(attempt) },
      isGivenUp: false,
    };
  const attempts = webhook.attempts + 1;
  if (attempts >= webhook.maximumAttempts)
    return { progress: { ...failed, ...sent.end, attempts: 0, nextAttemptTime: null }, isGivenUp: true };
  const asked = attempt.kind === "answered" ? attempt.retryAfterSeconds : undefined;
  const nextAttemptTime = after(now, retryDelaySeconds(attempts, chance, asked));
  return { progress: { ...failed, attempts, nextAttemptTime }, isGivenUp: false };
}
