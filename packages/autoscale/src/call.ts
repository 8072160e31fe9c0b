import type { Fail } from "./formula-error.ts";
import { type FormulaFunction, functions } from "./functions.ts";
import { parseInstant } from "./time.ts";
import { double, nameOfKind, sizeOf, type Value, vector } from "./value.ts";

/** What a function may use of the run that calls it. */
export interface Caller {
  /** Ticks. */
  readonly now: bigint;
  readonly random: () => number;
  /** Ends the run after the statement. */
  readonly stop: () => void;
  /** Counts steps of work before they are done; fails when there are too many. */
  readonly spend: (steps: number) => void;
  readonly fail: Fail;
}

/** @param values no sample objects */
export function callFunction(name: string, values: readonly Value[], caller: Caller): Value {
  const called = functions.get(name) ?? caller.fail(`There is no function ${name}`);
  switch (called.takes) {
    case "list":
      return double(called.of(flat(name, values, caller), caller.fail));
    case "each": {
      const [only] = values;
      if (values.length === 1 && only?.kind === "double") return double(called.of(only.value));
      return vector(flat(name, values, caller).map((value) => called.of(value)));
    }
    case "element": {
      const [of, parameter] = values;
      if (of?.kind !== "vector" || parameter?.kind !== "double")
        return caller.fail(`${name} takes a vector and a double`);
      caller.spend(of.values.length);
      return double(called.of(of.values, parameter.value, caller.fail));
    }
    case "own":
      return callOwn(called.does, values[0], caller);
  }
}

/** Doubles and vectors, mixed, as one list from left to right. */
function flat(name: string, values: readonly Value[], { spend, fail }: Caller): readonly number[] {
  const numbers: number[] = [];
  for (const value of values) {
    spend(sizeOf(value));
    if (value.kind === "double") numbers.push(value.value);
    else if (value.kind === "vector") for (const each of value.values) numbers.push(each);
    else fail(`${name} takes doubles and vectors, not ${nameOfKind(value)}`);
  }
  return numbers;
}

type OwnFunction = Extract<FormulaFunction, { takes: "own" }>["does"];

function callOwn(does: OwnFunction, argument: Value | undefined, { now, random, stop, fail }: Caller): Value {
  switch (does) {
    case "rand":
      return double(random());
    case "stop":
      stop();
      return { kind: "nothing" };
    case "vec":
      return argument?.kind === "double" ? vector([argument.value]) : fail("vec takes a double");
    case "time": {
      if (argument === undefined) return { kind: "timestamp", ticks: now };
      if (argument.kind !== "string") return fail("time takes a string");
      const ticks = argument.text === "" ? now : parseInstant(argument.text);
      return ticks === undefined ? fail(`"${argument.text}" is no date and time`) : { kind: "timestamp", ticks };
    }
  }
}
