/** The only file that reads the wall clock or sets a timer. Everything else takes a {@link Clock}. */
export interface Clock {
  /** The present moment. */
  now(): Date;
  /** Resolves after `milliseconds`, or at once when `signal` aborts; it never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      signal?.addEventListener("abort", wake, { once: true });
    }),
};
