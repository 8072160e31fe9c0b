import type { Clock } from "@kyanite/runtime";

const firstPause = 100;
const longestPause = 2_000;
/** How long a runtime may be away, for example because it is restarted, before nobody waits for it any more. */
const patienceMilliseconds = 60_000;

/**
 * Asks a runtime until it answers, at ever longer intervals.
 * @throws the last failure when it does not come back, or the signal's reason
 */
export async function untilAnswered<Answer>(
  ask: () => Promise<Answer>,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal },
): Promise<Answer> {
  const end = clock.elapsed() + patienceMilliseconds;
  for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
    try {
      return await ask();
    } catch (cause) {
      signal?.throwIfAborted();
      if (clock.elapsed() >= end) throw cause;
    }
    await clock.sleep(pause, signal);
  }
}
