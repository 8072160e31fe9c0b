import type { BinaryOperator } from "./ast.ts";
import type { Fail } from "./formula-error.ts";
import { checkInstant, checkInterval, scaleInterval } from "./time.ts";
import { double, nameOfKind, truth, type Value, vector } from "./value.ts";

/** `||` and `&&` are not here: their right side may have to be left alone. */
export type EagerOperator = Exclude<BinaryOperator, "||" | "&&">;
type Arithmetic = "+" | "-" | "*" | "/";
type Comparison = Exclude<EagerOperator, Arithmetic>;

const calculate: Record<Arithmetic, (left: number, right: number) => number> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
};

const compare: Record<Comparison, <T extends number | string | bigint>(left: T, right: T) => boolean> = {
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
  "==": (left, right) => left === right,
  "!=": (left, right) => left !== right,
};

const isComparison = (operator: EagerOperator): operator is Comparison => operator in compare;

/** What an operator makes of two values that are no sample objects; everything that is not documented fails. */
export function applyOperator(left: Value, operator: EagerOperator, right: Value, fail: Fail): Value {
  if (isComparison(operator)) return comparison(left, operator, right) ?? fail(noSuch(left, operator, right));
  return (
    arithmetic(left, operator, right, fail) ??
    timeArithmetic(left, operator, right, fail) ??
    fail(noSuch(left, operator, right))
  );
}

function noSuch(left: Value, operator: EagerOperator, right: Value): string {
  return `There is no ${operator} for ${nameOfKind(left)} and ${nameOfKind(right)}`;
}

function comparison(left: Value, operator: Comparison, right: Value): Value | undefined {
  const holds = compare[operator];
  if (left.kind === "double" && right.kind === "double") return truth(holds(left.value, right.value));
  if (left.kind === "string" && right.kind === "string") return truth(holds(left.text, right.text));
  if (left.kind === "timestamp" && right.kind === "timestamp") return truth(holds(left.ticks, right.ticks));
  if (left.kind === "interval" && right.kind === "interval") return truth(holds(left.ticks, right.ticks));
  return undefined;
}

function arithmetic(left: Value, operator: Arithmetic, right: Value, fail: Fail): Value | undefined {
  const of = calculate[operator];
  if (left.kind === "double" && right.kind === "double") return double(of(left.value, right.value));
  if (left.kind === "vector" && right.kind === "double")
    return vector(left.values.map((each) => of(each, right.value)));
  if (left.kind === "double" && right.kind === "vector")
    return vector(right.values.map((each) => of(left.value, each)));
  if (left.kind !== "vector" || right.kind !== "vector") return undefined;
  if (left.values.length !== right.values.length)
    fail(`The vectors have ${left.values.length} and ${right.values.length} elements`);
  return vector(left.values.map((each, index) => of(each, right.values[index] ?? Number.NaN)));
}

function timeArithmetic(left: Value, operator: Arithmetic, right: Value, fail: Fail): Value | undefined {
  const interval = (ticks: bigint): Value => ({ kind: "interval", ticks: checkInterval(ticks, fail) });
  const timestamp = (ticks: bigint): Value => ({ kind: "timestamp", ticks: checkInstant(ticks, fail) });
  const scaled = (ticks: bigint, factor: number): Value => ({
    kind: "interval",
    ticks: scaleInterval(ticks, factor, fail),
  });
  if (left.kind === "double" && right.kind === "interval")
    return operator === "*" ? scaled(right.ticks, left.value) : undefined;
  if (left.kind === "interval" && right.kind === "double") {
    if (operator === "*") return scaled(left.ticks, right.value);
    return operator === "/" ? scaled(left.ticks, 1 / right.value) : undefined;
  }
  if (
    (left.kind !== "interval" && left.kind !== "timestamp") ||
    (right.kind !== "interval" && right.kind !== "timestamp")
  )
    return undefined;
  if (operator === "+" && left.kind !== right.kind) return timestamp(left.ticks + right.ticks);
  if (operator === "+" && left.kind === "interval") return interval(left.ticks + right.ticks);
  if (operator !== "-") return undefined;
  if (left.kind === right.kind) return interval(left.ticks - right.ticks);
  return left.kind === "timestamp" ? timestamp(left.ticks - right.ticks) : undefined;
}
