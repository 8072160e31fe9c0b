import type { Figure } from "./figures.ts";

/** What every scenario is given. */
export interface Bench {
  /** Whether larger numbers are wanted, which take longer than minutes. */
  readonly isLong: boolean;
  /** How many tasks a soak runs. */
  readonly tasks: number;
  /** Aborts when the run is to end; a scenario rejects then, and leaves nothing behind. */
  readonly signal: AbortSignal;
}

/** Figures that belong together. */
export interface Section {
  readonly title: string;
  readonly figures: readonly Figure[];
}

export type Scenario = (bench: Bench) => Promise<readonly Section[]>;
