/**
 * What several generators yield, as it comes, each ahead by one element at most. More may be added at any time; those
 * that wait when it is disposed of end by their own signal.
 */
export class Merge<T> {
  readonly #ready: { readonly value: T; readonly next: () => void }[] = [];
  readonly #sources = new Set<AsyncGenerator<T, void>>();
  #failure: { readonly cause: unknown } | undefined;
  #wake = () => {};

  /** How many have not ended. */
  get size(): number {
    return this.#sources.size;
  }

  add(source: AsyncGenerator<T, void>): void {
    this.#sources.add(source);
    void this.#pull(source);
  }

  /**
   * The next element; undefined when one of them has ended, or `until` resolves.
   * @throws what one of them has thrown
   */
  async next(until?: Promise<void>): Promise<T | undefined> {
    if (this.#ready.length === 0 && !this.#failure) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await (until ? Promise.race([woken, until]) : woken);
    }
    const item = this.#ready.shift();
    if (!item && this.#failure) throw this.#failure.cause;
    item?.next();
    return item?.value;
  }

  [Symbol.dispose](): void {
    for (const source of this.#sources) source.return().catch(() => {});
    for (const { next } of this.#ready) next();
  }

  async #pull(source: AsyncGenerator<T, void>): Promise<void> {
    try {
      for await (const value of source) {
        await new Promise<void>((next) => {
          this.#ready.push({ value, next });
          this.#wake();
        });
      }
    } catch (cause) {
      // It counts as one that has not ended until somebody is told.
      this.#failure ??= { cause };
      return this.#wake();
    }
    this.#sources.delete(source);
    this.#wake();
  }
}
