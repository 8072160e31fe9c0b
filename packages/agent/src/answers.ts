import { type Clock, waitUntil } from "@kyanite/runtime";

/** A slow reader must not keep a node for ever. Whoever ends agents has to wait for longer. */
const longestMilliseconds = 20_000;

/** Keeps an agent from going before it has answered what it was asked. */
export function openAnswers(clock: Clock) {
  let underWay = 0;
  return {
    /** Dispose of it when an answer has been sent, or has failed. */
    begin(): Disposable {
      underWay += 1;
      return {
        [Symbol.dispose]: () => {
          underWay -= 1;
        },
      };
    },
    /** Resolves when no answer is under way, or none may be waited for any longer. */
    async settle(): Promise<void> {
      await waitUntil(() => underWay === 0, { clock, timeoutMilliseconds: longestMilliseconds });
    },
  };
}
