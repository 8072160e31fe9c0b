/** The only file that reads the wall clock or sets a timer. Everything else takes a {@link Clock}. */
export interface Clock {
  /** The present moment. */
  now(): Date;
  /** Milliseconds since some moment. It goes on evenly when the clock is set, so durations are measured with it. */
  elapsed(): number;
  /** Resolves after `milliseconds`, or at once when `signal` aborts; it never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  elapsed: () => performance.now(),
  sleep: async (milliseconds, signal) => {
    for (let left = milliseconds; ; left -= longestTimer) {
      await timer(Math.min(left, longestTimer), signal);
      if (left <= longestTimer || signal?.aborted) return;
    }
  },
};

/** A longer time would overflow the timer, which then fires at once. */
const longestTimer = 2 ** 31 - 1;

function timer(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const wake = () => {
      clearTimeout(handle);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const handle = setTimeout(wake, milliseconds);
    signal?.addEventListener("abort", wake, { once: true });
  });
}
