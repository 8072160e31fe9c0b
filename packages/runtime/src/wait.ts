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
  const end = clock.now().getTime() + options.timeoutMilliseconds;
  for (let pause = shortestPause; ; pause = Math.min(pause * 2, longestPause)) {
    if (await isMet()) return true;
    if (signal?.aborted || clock.now().getTime() >= end) return false;
    await clock.sleep(pause, signal);
  }
}
