import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { systemClock } from "./clock.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const days = 24 * 3600 * 1000;

test("sleeps longer than a timer can be set for", async () => {
  const woke = vi.fn();
  const sleeping = systemClock.sleep(60 * days).then(woke);
  await vi.advanceTimersByTimeAsync(59 * days);
  expect(woke).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(days);
  await sleeping;
  expect(woke).toHaveBeenCalledOnce();
});

test("a long sleep ends when the signal aborts, and leaves no timer", async () => {
  const waking = new AbortController();
  const sleeping = systemClock.sleep(60 * days, waking.signal);
  await vi.advanceTimersByTimeAsync(30 * days);
  waking.abort();
  await sleeping;
  expect(vi.getTimerCount()).toBe(0);
});
