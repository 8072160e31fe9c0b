import { type CpuSeconds, groupCpu } from "./accounts.ts";
import { CounterFile } from "./counter-file.ts";

/** Where a control group counts, as far as it does. */
export interface CounterPlaces {
  readonly cpu: string | undefined;
  readonly memoryPeak: string | undefined;
}

/** What a control group counts. It may serve one run after the other. */
export class GroupCounters {
  readonly #places: () => CounterPlaces;
  #cpu: CounterFile | undefined;
  #peak: CounterFile | undefined;
  /** Of former runs, where the machine does not let peaks begin anew: a lower one after that is not known. */
  #formerPeak = 0;

  constructor(places: () => CounterPlaces) {
    this.#places = places;
  }

  /** Lets the peak begin anew. */
  begin(): void {
    const { memoryPeak } = this.#places();
    if (memoryPeak === undefined) return;
    const isNew = this.#peak === undefined;
    this.#peak ??= new CounterFile(memoryPeak, "r+");
    const isReset = this.#peak.reset();
    // Older systems have a file there that can only be read.
    if (!isReset && isNew) this.#peak = new CounterFile(memoryPeak);
    this.#formerPeak = isReset ? 0 : this.#readPeak();
  }

  cpu(): CpuSeconds | undefined {
    const { cpu } = this.#places();
    if (cpu === undefined) return undefined;
    this.#cpu ??= new CounterFile(cpu);
    return groupCpu(this.#cpu.read());
  }

  peakBytes(): number | undefined {
    const peak = this.#readPeak();
    return peak > this.#formerPeak ? peak : undefined;
  }

  close(): void {
    this.#cpu?.close();
    this.#peak?.close();
  }

  #readPeak(): number {
    return Number(this.#peak?.read().trim() || 0);
  }
}
