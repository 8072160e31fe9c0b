import { expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { waitUntil } from "./wait.ts";

/** Time passes only by sleeping. */
function aClock(): Clock & { readonly slept: () => number } {
  const state = { time: 0 };
  return {
    now: () => new Date(state.time),
    sleep: async (milliseconds) => {
      state.time += milliseconds;
    },
    slept: () => state.time,
  };
}

test("asks until the answer is yes, with longer and longer pauses", async () => {
  const clock = aClock();
  const met = () => clock.slept() >= 200;
  expect(await waitUntil(met, { clock, timeoutMilliseconds: 1_000 })).toBe(true);
  expect(clock.slept()).toBeLessThanOrEqual(250);
});

test("gives up when the time is over", async () => {
  const clock = aClock();
  expect(await waitUntil(() => false, { clock, timeoutMilliseconds: 1_000 })).toBe(false);
  expect(clock.slept()).toBeGreaterThanOrEqual(1_000);
});

test("gives up when the signal aborts, after one last question", async () => {
  const options = { clock: aClock(), timeoutMilliseconds: 1_000, signal: AbortSignal.abort() };
  expect(await waitUntil(() => false, options)).toBe(false);
  expect(await waitUntil(() => true, options)).toBe(true);
});
