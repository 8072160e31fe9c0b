/** What several generators yield, as it comes, each ahead by one element at most. Ends when all have. */
export async function* merged<T>(sources: readonly AsyncGenerator<T, void>[]): AsyncGenerator<T, void> {
  const ready: { readonly value: T; readonly next: () => void }[] = [];
  let running = sources.length;
  let failure: { readonly cause: unknown } | undefined;
  let wake = () => {};
  const pull = async (source: AsyncGenerator<T, void>): Promise<void> => {
    try {
      for await (const value of source) {
        await new Promise<void>((next) => {
          ready.push({ value, next });
          wake();
        });
      }
    } catch (cause) {
      failure ??= { cause };
    }
    running -= 1;
    wake();
  };
  const pulls = sources.map(pull);
  try {
    while (running > 0 || ready.length > 0) {
      const item = ready.shift();
      if (item) {
        yield item.value;
        item.next();
      } else if (failure) throw failure.cause;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
    if (failure) throw failure.cause;
  } finally {
    // Whoever waits to hand something over is let go; those that wait for something else end by their signal.
    for (const source of sources) source.return().catch(() => {});
    for (const { next } of ready) next();
    void Promise.all(pulls);
  }
}
