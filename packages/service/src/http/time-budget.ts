import { BatchError } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import { parameter } from "./target.ts";

const longestSeconds = 30;

/** The result of `work`, unless the budget that the client gave the request runs out before; then `late` aborts. */
export async function inTime<T>(
  search: URLSearchParams,
  clock: Clock,
  work: (late: AbortSignal) => Promise<T>,
): Promise<T> {
  const done = new AbortController();
  const late = new AbortController();
  const tooLate = clock.sleep(budgetSeconds(search) * 1000, done.signal).then((): never => {
    if (!done.signal.aborted) late.abort();
    throw new BatchError("OperationTimedOut");
  });
  const result = work(late.signal);
  try {
    return await Promise.race([result, tooLate]);
  } finally {
    tooLate.catch(() => {});
    result.catch(() => {});
    done.abort("done");
  }
}

/** More than 30 seconds count as 30; what is no whole number from 1 on is refused later, with the other parameters. */
function budgetSeconds(search: URLSearchParams): number {
  const text = parameter(search, "timeout") ?? "";
  return /^[0-9]+$/.test(text) && Number(text) >= 1 ? Math.min(Number(text), longestSeconds) : longestSeconds;
}
