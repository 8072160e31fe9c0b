import type { Fail } from "./formula-error.ts";
import { ticksPerMillisecond, toMilliseconds } from "./time.ts";
import { type Value, vector } from "./value.ts";
import type { SampleVariable } from "./variables.ts";

/** `at` is in milliseconds since 1970. */
export interface Sample {
  readonly at: number;
  readonly value: number;
}

/** What has been measured of a pool. */
export interface SampleHistory {
  /** How far apart samples are when none is missing. */
  readonly periodSeconds: number;
  /** Oldest first. */
  samplesOf(variable: SampleVariable): readonly Sample[];
}

/** What one method call looked at; for those who ask why a formula gave what it gave. */
export interface SampleUse {
  readonly variable: SampleVariable;
  readonly method: string;
  readonly samples: readonly Sample[];
  /** The ends of the window in milliseconds since 1970, and how much of it was there; absent without a window. */
  readonly window?: { readonly start: number; readonly end: number; readonly percent: number };
}

/** What a method is called on, and with. */
export interface MethodCall {
  readonly variable: SampleVariable;
  readonly history: SampleHistory;
  /** Ticks. */
  readonly now: bigint;
  readonly args: readonly Value[];
  readonly fail: Fail;
  /** Ends the run because too few samples are there. */
  readonly insufficient: Fail;
}

interface Answer {
  readonly value: Value;
  readonly use: Omit<SampleUse, "variable" | "method">;
}

interface Method {
  readonly count: readonly [number, number];
  readonly call: (call: MethodCall) => Answer;
}

/** A window of time that names no percentage wants this much of its samples to be there. */
const defaultPercent = 70;

const table = {
  GetSample: { count: [1, 3], call: getSample },
  GetSamplePercent: { count: [1, 2], call: getSamplePercent },
  GetSamplePeriod: { count: [0, 0], call: getSamplePeriod },
  Count: { count: [0, 0], call: countSamples },
  HistoryBeginTime: { count: [0, 0], call: historyBeginTime },
} as const satisfies Record<string, Method>;

/** Every method of a variable that has samples. */
export const methods: ReadonlyMap<string, Method> = new Map(Object.entries(table));

const valuesOf = (samples: readonly Sample[]): Value => vector(samples.map(({ value }) => value));

function getSample(call: MethodCall): Answer {
  const { args, fail, insufficient, variable } = call;
  const [first, ...rest] = args;
  if (first?.kind === "double") return rest.length === 0 ? latest(call, first.value) : fail("Expected one argument");
  const last = rest.at(-1);
  const wanted = last?.kind === "double" ? Math.min(100, Math.max(0, last.value)) : defaultPercent;
  const found = lookBack({ ...call, args: last?.kind === "double" ? args.slice(0, -1) : args });
  if (!(found.percent >= wanted))
    insufficient(
      `Insufficient data from data set: ${variable} wanted ${Number(wanted.toPrecision(6))}%, received ${Math.trunc(found.percent)}%`,
    );
  return { value: valuesOf(found.samples), use: found.use };
}

function latest({ history, variable }: MethodCall, count: number): Answer {
  const all = history.samplesOf(variable);
  const samples = count >= 1 ? all.slice(-Math.min(all.length, Math.trunc(count))) : [];
  return { value: valuesOf(samples), use: { samples } };
}

function getSamplePercent(call: MethodCall): Answer {
  const { percent, use } = lookBack(call);
  return { value: { kind: "double", value: percent }, use };
}

function getSamplePeriod({ history }: MethodCall): Answer {
  const milliseconds = Math.round(history.periodSeconds * 1000);
  return { value: { kind: "interval", ticks: BigInt(milliseconds) * ticksPerMillisecond }, use: { samples: [] } };
}

function countSamples({ history, variable }: MethodCall): Answer {
  return { value: { kind: "double", value: history.samplesOf(variable).length }, use: { samples: [] } };
}

function historyBeginTime({ history, variable, now }: MethodCall): Answer {
  const [oldest] = history.samplesOf(variable);
  const ticks = oldest ? BigInt(Math.trunc(oldest.at)) * ticksPerMillisecond : now;
  return { value: { kind: "timestamp", ticks }, use: { samples: oldest ? [oldest] : [] } };
}

/**
 * The samples after one end of a window up to the other, which are given in either order; both are moments, or how
 * long ago they are.
 */
function lookBack({ args, history, variable, now, fail }: MethodCall) {
  if (args.length > 2) fail("Expected two times and a percentage");
  const [one = 0, other = 0] = [args[0], args[1] ?? ({ kind: "timestamp", ticks: now } as const)].map((time) =>
    toMilliseconds(momentOf(time, now, fail)),
  );
  const [start, end] = one < other ? [one, other] : [other, one];
  const samples = between(history.samplesOf(variable), start, end);
  const possible = Math.max(1, Math.floor((end - start) / (history.periodSeconds * 1000)));
  const percent = Math.min(100, (100 * samples.length) / possible);
  return { samples, percent, use: { samples, window: { start, end, percent } } };
}

function momentOf(time: Value | undefined, now: bigint, fail: Fail): bigint {
  if (time?.kind === "timestamp") return time.ticks;
  return time?.kind === "interval" ? now - time.ticks : fail("Expected a timestamp or a time interval");
}

function between(samples: readonly Sample[], start: number, end: number): readonly Sample[] {
  return samples.slice(firstAfter(samples, start), firstAfter(samples, end));
}

/** Index of the first sample later than `moment`. */
function firstAfter(samples: readonly Sample[], moment: number): number {
  let [low, high] = [0, samples.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((samples[middle]?.at ?? 0) > moment) high = middle;
    else low = middle + 1;
  }
  return low;
}
