/** Runs at most `limit` of the works it is given at the same time, the others in the order in which they came. */
export function limitTo(limit: number): <Result>(work: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = [];
  const state = { running: 0 };
  return async (work) => {
    if (state.running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else state.running++;
    try {
      return await work();
    } finally {
      // The place is handed on; only when nobody waits is it free.
      const next = waiting.shift();
      if (next === undefined) state.running--;
      else next();
    }
  };
}
