import type { Fail } from "./formula-error.ts";

/** A formula, and what it leaves in its variable `x`. */
type Example = readonly [formula: string, x: string];

/**
 * How a function is called.
 * `list`: doubles and vectors mixed, flattened into one list, give a double.
 * `each`: one double gives a double; anything else is flattened like a list and gives a vector.
 * `element`: a vector and a double give a double.
 * `own`: the evaluation itself has to do it, because it touches the run.
 */
export type FormulaFunction = { readonly example: Example } & (
  | { readonly takes: "list"; readonly of: (values: readonly number[], fail: Fail) => number }
  | { readonly takes: "each"; readonly of: (value: number) => number }
  | {
      readonly takes: "element";
      readonly of: (values: readonly number[], parameter: number, fail: Fail) => number;
    }
  | {
      readonly takes: "own";
      readonly does: "rand" | "time" | "stop" | "vec";
      readonly count: readonly [number, number];
    }
);

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const greatest = (values: readonly number[]) => values.reduce((one, other) => Math.max(one, other));
const least = (values: readonly number[]) => values.reduce((one, other) => Math.min(one, other));

function someOf(values: readonly number[], name: string, fail: Fail): readonly number[] {
  return values.length > 0 ? values : fail(`${name} of no values`);
}

/** The divisor is one less than the number of values: they are a sample of all that might have been. */
function standardDeviation(values: readonly number[]): number {
  if (values.length === 1) return 0;
  const mean = sum(values) / values.length;
  return Math.sqrt(sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1));
}

/** The nearest rank: the least value that so many percent of all do not exceed. */
function percentile(values: readonly number[], percent: number, fail: Fail): number {
  if (!(percent >= 0 && percent <= 100)) fail("A percentile is between 0 and 100");
  const sorted = [...values].sort((one, other) => one - other);
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  return sorted[rank - 1] ?? fail("percentile of no values");
}

/** A new pool has no samples yet: its vectors are empty, and their elements count as 0. */
function elementAt(values: readonly number[], index: number, fail: Fail): number {
  if (values.length === 0) return 0;
  return values[Math.trunc(index)] ?? fail(`There is no element ${index} in a vector of ${values.length}`);
}

/** Halves go away from zero. */
const round = (value: number) => Math.sign(value) * Math.round(Math.abs(value));

const table = {
  avg: { takes: "list", of: (l, fail) => sum(someOf(l, "avg", fail)) / l.length, example: ["x=avg(1,2,6)", "3"] },
  sum: { takes: "list", of: sum, example: ["x=sum(1,2,3.5)", "6.5"] },
  len: { takes: "list", of: ({ length }) => length, example: ["x=len(4,vec(4),4)", "3"] },
  max: { takes: "list", of: (l, fail) => greatest(someOf(l, "max", fail)), example: ["x=max(5,2,9)", "9"] },
  min: { takes: "list", of: (l, fail) => least(someOf(l, "min", fail)), example: ["x=min(5,2,9)", "2"] },
  range: {
    takes: "list",
    of: (l, fail) => greatest(someOf(l, "range", fail)) - least(l),
    example: ["x=range(5,2,9)", "7"],
  },
  norm: { takes: "list", of: (l) => Math.sqrt(sum(l.map((value) => value * value))), example: ["x=norm(3,4)", "5"] },
  std: {
    takes: "list",
    of: (l, fail) => standardDeviation(someOf(l, "std", fail)),
    example: ["x=std(2,4,4,4,5,5,7,9)", "2.13809"],
  },
  percentile: { takes: "element", of: percentile, example: ["x=percentile(round(15,20,35,40,50),40)", "20"] },
  val: { takes: "element", of: elementAt, example: ["x=val(round(7,8,9),1.9)", "8"] },
  lg: { takes: "each", of: Math.log2, example: ["x=lg(8)", "3"] },
  ln: { takes: "each", of: Math.log, example: ["x=ln(1)", "0"] },
  log: { takes: "each", of: Math.log10, example: ["x=log(10,1000)", "[1,3]"] },
  ceil: { takes: "each", of: Math.ceil, example: ["x=ceil(2.1)", "3"] },
  floor: { takes: "each", of: Math.floor, example: ["x=floor(-2.1)", "-3"] },
  round: { takes: "each", of: round, example: ["x=round(2.5,-2.5,0.4)", "[3,-3,0]"] },
  rand: { takes: "own", does: "rand", count: [0, 0], example: ["x=rand()>=0 && rand()<=1", "1"] },
  time: {
    takes: "own",
    does: "time",
    count: [0, 1],
    example: ['x=time("2016-10-13T19:18:47+01:00")', "2016-10-13T18:18:47.000Z"],
  },
  stop: { takes: "own", does: "stop", count: [0, 0], example: ["x=1; stop(); x=2", "1"] },
  vec: { takes: "own", does: "vec", count: [1, 1], example: ["x=lg(vec(8))", "[3]"] },
} as const satisfies Record<string, FormulaFunction>;

/** Every function of the language. */
export const functions: ReadonlyMap<string, FormulaFunction> = new Map(Object.entries(table));

/** How many arguments the function may be given, at least and at most. */
export function argumentCount(called: FormulaFunction): readonly [number, number] {
  switch (called.takes) {
    case "list":
      return [0, Number.POSITIVE_INFINITY];
    case "each":
      return [1, Number.POSITIVE_INFINITY];
    case "element":
      return [2, 2];
    case "own":
      return called.count;
  }
}
