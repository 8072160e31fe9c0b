import type { Clock } from "@kyanite/runtime";

/** A pause that ends early when there is something to do, also when that was told before the pause began. */
export class Wake {
  readonly #clock: Clock;
  readonly #signals: readonly AbortSignal[];
  #isTold = false;
  #pause: AbortController | undefined;
  readonly tell = (): void => {
    this.#isTold = true;
    this.#pause?.abort();
  };

  /** @param signals each of which also ends a pause */
  constructor(clock: Clock, signals: readonly AbortSignal[]) {
    this.#clock = clock;
    this.#signals = signals;
    for (const signal of signals) signal.addEventListener("abort", this.tell, { once: true });
  }

  async pause(mostMilliseconds: number): Promise<void> {
    if (!this.#isTold && !this.#signals.some(({ aborted }) => aborted)) {
      this.#pause = new AbortController();
      await this.#clock.sleep(mostMilliseconds, this.#pause.signal);
      this.#pause = undefined;
    }
    this.#isTold = false;
  }

  [Symbol.dispose](): void {
    for (const signal of this.#signals) signal.removeEventListener("abort", this.tell);
  }
}
