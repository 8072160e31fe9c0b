import type { Position } from "./formula-error.ts";
import type { SampleVariable } from "./variables.ts";

export type BinaryOperator = "||" | "&&" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "+" | "-" | "*" | "/";

/** One more operand of a chain, with the operator before it. */
export interface Link {
  readonly operator: BinaryOperator;
  readonly operand: Expression;
  readonly at: Position;
}

/** A call's `at` is its opening parenthesis: that is the place its errors name. */
export type Expression =
  | { readonly kind: "number"; readonly value: number; readonly at: Position }
  | { readonly kind: "string"; readonly text: string; readonly at: Position }
  | { readonly kind: "name"; readonly name: string; readonly at: Position }
  | { readonly kind: "unary"; readonly operator: "-" | "!"; readonly operand: Expression; readonly at: Position }
  /** Operators of one precedence, from left to right; flat, so that a long sum is no deep tree. */
  | { readonly kind: "chain"; readonly first: Expression; readonly rest: readonly Link[]; readonly at: Position }
  | {
      readonly kind: "conditional";
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
      readonly at: Position;
    }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[]; readonly at: Position }
  | {
      readonly kind: "method";
      readonly receiver: Expression;
      readonly name: string;
      readonly args: readonly Expression[];
      readonly at: Position;
    }
  | { readonly kind: "member"; readonly receiver: Expression; readonly name: string; readonly at: Position };

export interface Statement {
  /** The variable that gets the value; absent when the expression stands for its effect. */
  readonly name?: string;
  readonly expression: Expression;
  readonly at: Position;
  /** As written, without the semicolon. */
  readonly text: string;
}

/** A formula that has been parsed; every function, method and member it names exists. */
export interface Formula {
  readonly statements: readonly Statement[];
  /** The variables whose samples the formula may look at. */
  readonly variables: ReadonlySet<SampleVariable>;
}
