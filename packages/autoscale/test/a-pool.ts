import { evaluate, type PoolState, parseFormula, type Sample, type SampleVariable } from "../src/index.ts";

export const now = new Date("2016-10-13T19:18:47.805Z");

interface Description extends Partial<Omit<PoolState, "history">> {
  /** Of every variable, oldest first. */
  readonly samples?: readonly Sample[];
  readonly samplesOf?: Partial<Record<SampleVariable, readonly Sample[]>>;
}

/** The samples of these values, every 30 s, the last of them `agoSeconds` before now. */
export function samplesOf(values: readonly number[], agoSeconds = 60): Sample[] {
  return values.map((value, index) => ({
    at: now.getTime() - 1000 * (agoSeconds + 30 * (values.length - 1 - index)),
    value,
  }));
}

/** An hour without gaps up to a minute ago. */
export const anHourOf = (value: number) => samplesOf(Array<number>(119).fill(value));

/** A pool of two idle nodes. */
export function aPool({ samples, samplesOf, ...given }: Description = {}): PoolState {
  return {
    now,
    targetDedicatedNodes: 2,
    targetLowPriorityNodes: 0,
    current: { $CurrentDedicatedNodes: 2, $CurrentLowPriorityNodes: 0, $TaskSlotsPerNode: 1 },
    history: {
      periodSeconds: 30,
      samplesOf: (variable) => samplesOf?.[variable] ?? samples ?? anHourOf(0),
    },
    random: () => 0.5,
    ...given,
  };
}

/** Reads and runs a formula. */
export const run = (formula: string, pool: PoolState = aPool()) => evaluate(parseFormula(formula), pool);

/** The results as a record, by variable. */
export function resultsOf(formula: string, pool?: PoolState): Record<string, string> {
  const { results, error } = run(formula, pool);
  if (error) throw error;
  return Object.fromEntries(results.split(";").map((entry) => entry.split(/=(.*)/s).slice(0, 2)));
}
