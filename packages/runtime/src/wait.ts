import type { Clock } from "./clock.ts";

export interface WaitOptions {
  readonly clock: Clock;
  readonly timeoutMilliseconds: number;
  readonly signal?: AbortSignal;
}

const shortestPause = 5;
const longestPause = 50;

/**
 * Asks until the answer is yes. For conditions that nobody notifies us of, such as another process's file.
 * Returns false when the time is over or `signal` aborts.
 */
export async function waitUntil(isMet: () => boolean | Promise<boolean>, options: WaitOptions): Promise<boolean> {
  const { clock, signal } = options;
  const end = clock.elapsed() + options.timeoutMilliseconds;
  for (let pause = shortestPause; ; pause = Math.min(pause * 2, longestPause)) {
    if (await isMet()) return true;
    if (signal?.aborted || clock.elapsed() >= end) return false;
    await clock.sleep(pause, signal);
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** What comes of the work, or the signal's reason as soon as it aborts. Many may wait by one signal, and for one work. */
export function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const own = AbortSignal.any([signal]);
  return new Promise((resolve, reject) => {
    const abort = () => reject(own.reason);
    if (own.aborted) abort();
    own.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => own.removeEventListener("abort", abort));
  });
}
