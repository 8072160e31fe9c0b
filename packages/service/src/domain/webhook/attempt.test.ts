import fc from "fast-check";
import { expect, test } from "vitest";
import { type Attempt, afterAttempt, failureOf, retryDelaySeconds } from "./attempt.ts";
import type { Webhook } from "./webhook.ts";

const now = new Date("2026-01-01T12:00:00Z");

const aWebhook = (more: Partial<Webhook> = {}): Webhook => ({
  pk: 1,
  accountPk: 1,
  key: "w",
  id: "w",
  creationTime: now,
  lastModified: now,
  revision: 1,
  url: "https://example.com/",
  filter: {},
  secret: "",
  batchSize: 1,
  maximumAttempts: 3,
  state: "enabled",
  stateReason: null,
  position: 10,
  events: 2,
  attempts: 0,
  nextAttemptTime: null,
  deliveredCount: 5,
  missedCount: 0,
  lastMissedTime: null,
  consecutiveFailures: 0,
  lastSuccessTime: null,
  lastFailureTime: null,
  lastFailure: null,
  ...more,
});

const sent = { count: 4, end: { position: 11, events: 0 } };
const answered = (status: number, retryAfterSeconds?: number): Attempt => ({
  kind: "answered",
  status,
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
});
const outcome = (webhook: Webhook, attempt: Attempt, chance = 0) =>
  afterAttempt(webhook, sent, attempt, { now, chance });

test("pauses double from five seconds to an hour, and are by chance up to half of that shorter", () => {
  const delays = [1, 2, 3, 10, 11, 30].map((attempts) => retryDelaySeconds(attempts, 0));
  expect(delays).toEqual([5, 10, 20, 2_560, 3_600, 3_600]);
  expect(retryDelaySeconds(2, 1)).toBe(5);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(),
      (n, chance, asked) => {
        const delay = retryDelaySeconds(n, chance, asked);
        expect(delay).toBeGreaterThanOrEqual(2.5);
        expect(delay).toBeLessThanOrEqual(3_600);
      },
    ),
  );
});

test("a receiver may ask for a longer pause, but for no more than an hour", () => {
  expect(retryDelaySeconds(1, 0, 60)).toBe(60);
  expect(retryDelaySeconds(4, 0, 1)).toBe(40);
  expect(retryDelaySeconds(1, 0, 1_000_000)).toBe(3_600);
  const { progress } = outcome(aWebhook(), answered(429, 90));
  expect(progress.nextAttemptTime).toEqual(new Date("2026-01-01T12:01:30Z"));
});

test.each([200, 202, 204, 299])("the status %i settles events", (status) => {
  const { progress, isGivenUp } = outcome(aWebhook({ attempts: 2, consecutiveFailures: 7 }), answered(status));
  expect(isGivenUp).toBe(false);
  expect(progress).toMatchObject({
    ...sent.end,
    attempts: 0,
    nextAttemptTime: null,
    deliveredCount: 9,
    consecutiveFailures: 0,
    lastSuccessTime: now,
  });
});

test.each([100, 301, 302, 307, 400, 401, 404, 429, 500, 503])(
  "the status %i is tried again from the same place",
  (status) => {
    const { progress, isGivenUp } = outcome(aWebhook(), answered(status));
    expect(isGivenUp).toBe(false);
    expect(progress).toMatchObject({ position: 10, events: 2, attempts: 1, deliveredCount: 5, consecutiveFailures: 1 });
    expect(progress.nextAttemptTime).toEqual(new Date("2026-01-01T12:00:05Z"));
  },
);

test("events are given up after the last attempt, and the next ones are not put off", () => {
  const { progress, isGivenUp } = outcome(aWebhook({ attempts: 2 }), { kind: "unanswered", reason: "no route" });
  expect(isGivenUp).toBe(true);
  expect(progress).toMatchObject({
    ...sent.end,
    attempts: 0,
    nextAttemptTime: null,
    deliveredCount: 5,
    lastFailure: "no route",
    state: "enabled",
  });
});

test("a receiver that is gone disables its webhook, and its events stay", () => {
  const { progress, isGivenUp } = outcome(aWebhook({ attempts: 2 }), answered(410));
  expect(isGivenUp).toBe(false);
  expect(progress).toMatchObject({
    position: 10,
    events: 2,
    state: "disabled",
    stateReason: "The receiver answered 410",
  });
});

test("a redirect is said to be one", () => {
  expect(failureOf(answered(302))).toBe("The receiver answered 302; redirects are not followed");
});
