import { expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { aborted, orAborted, waitUntil } from "./wait.ts";

/** Time passes only by sleeping. */
function aClock(): Clock & { readonly slept: () => number } {
  const state = { time: 0 };
  return {
    // Set back all the time.
    now: () => new Date(-state.time),
    elapsed: () => state.time,
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

test("work is waited for until the signal aborts, and its own failure is told", async () => {
  const leaving = new AbortController();
  const never = orAborted(new Promise<string>(() => {}), leaving.signal);
  expect(await orAborted(Promise.resolve("done"), leaving.signal)).toBe("done");
  await expect(orAborted(Promise.reject(new Error("failed")), leaving.signal)).rejects.toThrow("failed");
  leaving.abort(new Error("enough"));
  await expect(never).rejects.toThrow("enough");
  await expect(orAborted(Promise.reject(new Error("failed")), leaving.signal)).rejects.toThrow("enough");
  await aborted(leaving.signal);
});
