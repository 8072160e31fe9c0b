import { systemClock, waitUntil } from "@kyanite/runtime";

/**
 * Asks until the answer is as wanted, and gives it.
 * @throws after `seconds`, with the last answer
 */
export async function until<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean, seconds = 20): Promise<T> {
  const last: { answer?: { value: T } } = {};
  await waitUntil(
    async () => {
      last.answer = { value: await ask() };
      return isWanted(last.answer.value);
    },
    { clock: systemClock, timeoutMilliseconds: seconds * 1000 },
  );
  if (last.answer && isWanted(last.answer.value)) return last.answer.value;
  throw new Error(`not reached within ${seconds} s; the last answer was ${JSON.stringify(last.answer?.value)}`);
}
