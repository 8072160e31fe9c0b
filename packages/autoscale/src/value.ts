import type { SampleVariable } from "./variables.ts";

export const deallocationOptions = ["requeue", "terminate", "taskcompletion", "retaineddata"] as const;
export type DeallocationOption = (typeof deallocationOptions)[number];

/** Times are in ticks of 100 ns: instants since 1970, intervals with their sign. */
export type Value =
  | { readonly kind: "double"; readonly value: number }
  | { readonly kind: "vector"; readonly values: readonly number[] }
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "timestamp"; readonly ticks: bigint }
  | { readonly kind: "interval"; readonly ticks: bigint }
  | { readonly kind: "option"; readonly option: DeallocationOption }
  | { readonly kind: "samples"; readonly variable: SampleVariable }
  /** What `stop()` gives. */
  | { readonly kind: "nothing" };

export const double = (value: number): Value => ({ kind: "double", value });
export const vector = (values: readonly number[]): Value => ({ kind: "vector", values });
export const truth = (holds: boolean): Value => double(holds ? 1 : 0);

const names: Record<Value["kind"], string> = {
  double: "a double",
  vector: "a vector",
  string: "a string",
  timestamp: "a timestamp",
  interval: "a time interval",
  option: "a node deallocation option",
  samples: "a variable's samples",
  nothing: "no value",
};

/** For messages: `a double`, `a vector` … */
export const nameOfKind = (value: Value) => names[value.kind];

/** How many numbers a value holds. */
export const sizeOf = (value: Value) => (value.kind === "vector" ? value.values.length : 1);
