import type { Expression, Formula, Link, Statement } from "./ast.ts";
import { callFunction } from "./call.ts";
import { type Fail, FormulaError, type Position } from "./formula-error.ts";
import { Memory, type Targets } from "./memory.ts";
import { applyOperator } from "./operators.ts";
import { methods, type SampleHistory, type SampleUse } from "./samples.ts";
import { checkInterval, ticksPerMillisecond, timestampMembers, toMilliseconds } from "./time.ts";
import { double, nameOfKind, sizeOf, truth, type Value } from "./value.ts";
import type { SampleVariable } from "./variables.ts";

/** A pool at one moment, as a formula sees it. */
export interface PoolState {
  readonly now: Date;
  readonly targetDedicatedNodes: number;
  readonly targetLowPriorityNodes: number;
  /** What is known better than by the last sample. */
  readonly current: Partial<Readonly<Record<SampleVariable, number>>>;
  readonly history: SampleHistory;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Whether the pool may have nodes of one kind only. */
  readonly hasOneKind?: boolean;
}

/** What one statement did. */
export interface StatementTrace {
  readonly statement: Statement;
  /** Absent when the statement failed. */
  readonly value?: Value;
  readonly uses: readonly SampleUse[];
}

/** One run of a formula. With an error nothing is to be applied: the targets are those it began with. */
export interface Evaluation {
  readonly targets: Targets;
  readonly results: string;
  readonly error?: FormulaError;
  readonly trace: readonly StatementTrace[];
}

/** A formula has no loops, but vectors can double with each statement: every element counts as a step. */
const maximumSteps = 200_000;

/** Runs a formula from top to bottom; it always ends, and what goes wrong becomes the evaluation's error. */
export function evaluate(formula: Formula, pool: PoolState): Evaluation {
  const run = new Run(pool);
  try {
    for (const statement of formula.statements) {
      run.statement(statement);
      if (run.isStopped) break;
    }
    const fail = failAt(formula.statements.at(-1)?.at ?? { line: 1, column: 1 });
    const targets = run.memory.targets(fail);
    if (pool.hasOneKind && targets.targetDedicatedNodes > 0 && targets.targetLowPriorityNodes > 0)
      fail("The nodes of the pool communicate: they must be dedicated or low-priority, not both");
    return { targets, results: [...resultsOf(targets), ...run.memory.ownResults()].join(";"), trace: run.trace };
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    const { targetDedicatedNodes, targetLowPriorityNodes } = pool;
    const targets = { targetDedicatedNodes, targetLowPriorityNodes, nodeDeallocationOption: "requeue" } as const;
    return { targets, results: resultsOf(targets).join(";"), error, trace: run.trace };
  }
}

function resultsOf(targets: Targets): string[] {
  return [
    `$TargetDedicatedNodes=${targets.targetDedicatedNodes}`,
    `$TargetLowPriorityNodes=${targets.targetLowPriorityNodes}`,
    `$NodeDeallocationOption=${targets.nodeDeallocationOption}`,
  ];
}

function failAt(at: Position): Fail {
  return (reason) => {
    throw new FormulaError("AutoScalingFormulaEvaluationError", at, reason);
  };
}

class Run {
  readonly memory: Memory;
  readonly trace: StatementTrace[] = [];
  isStopped = false;
  readonly #pool: PoolState;
  readonly #now: bigint;
  #uses: SampleUse[] = [];
  #steps = 0;

  constructor(pool: PoolState) {
    this.#pool = pool;
    this.#now = BigInt(pool.now.getTime()) * ticksPerMillisecond;
    this.memory = new Memory(pool.targetDedicatedNodes, pool.targetLowPriorityNodes);
  }

  statement(statement: Statement): void {
    const { name, expression, at } = statement;
    const uses: SampleUse[] = [];
    this.#uses = uses;
    try {
      const value = this.#plain(expression);
      this.#spend(sizeOf(value), at);
      if (name !== undefined) this.memory.assign(name, value, failAt(at));
      this.trace.push({ statement, value, uses });
    } catch (error) {
      this.trace.push({ statement, uses });
      throw error;
    }
  }

  #spend(steps: number, at: Position): void {
    this.#steps += steps;
    if (this.#steps > maximumSteps) failAt(at)(`The formula takes more than ${maximumSteps} steps`);
  }

  #value(expression: Expression): Value {
    const { at } = expression;
    this.#spend(1, at);
    switch (expression.kind) {
      case "number":
        return double(expression.value);
      case "string":
        return { kind: "string", text: expression.text };
      case "name":
        return this.memory.read(expression.name, failAt(at));
      case "unary":
        return this.#unary(expression.operator, this.#plain(expression.operand), at);
      case "chain":
        return expression.rest.reduce((left, link) => this.#link(left, link), this.#plain(expression.first));
      case "conditional":
        return this.#value(
          this.#isTrue(this.#plain(expression.condition), at) ? expression.whenTrue : expression.whenFalse,
        );
      case "call":
        return this.#call(expression.name, expression.args, at);
      case "method":
        return this.#method(expression);
      case "member":
        return this.#member(expression.name, this.#plain(expression.receiver), at);
    }
  }

  /** The value with a sample object replaced by the double it stands for. */
  #plain(expression: Expression): Value {
    const value = this.#value(expression);
    if (value.kind !== "samples") return value;
    const { variable } = value;
    const current = this.#pool.current[variable];
    if (current !== undefined) return double(current);
    const samples = this.#pool.history.samplesOf(variable).slice(-1);
    this.#uses.push({ variable, method: "", samples });
    return double(samples[0]?.value ?? 0);
  }

  #isTrue(value: Value, at: Position): boolean {
    if (value.kind !== "double") return failAt(at)(`A condition must be a double, not ${nameOfKind(value)}`);
    return value.value !== 0;
  }

  #unary(operator: "-" | "!", operand: Value, at: Position): Value {
    if (operand.kind === "double") return operator === "-" ? double(-operand.value) : truth(operand.value === 0);
    if (operand.kind === "interval" && operator === "-")
      return { kind: "interval", ticks: checkInterval(-operand.ticks, failAt(at)) };
    return failAt(at)(`There is no ${operator} for ${nameOfKind(operand)}`);
  }

  #link(left: Value, { operator, operand, at }: Link): Value {
    if (operator === "||" || operator === "&&") {
      if (this.#isTrue(left, at) === (operator === "||")) return truth(operator === "||");
      return truth(this.#isTrue(this.#plain(operand), at));
    }
    const right = this.#plain(operand);
    this.#spend(sizeOf(left) + sizeOf(right), at);
    return applyOperator(left, operator, right, failAt(at));
  }

  #member(name: string, receiver: Value, at: Position): Value {
    const read = timestampMembers.get(name);
    if (receiver.kind !== "timestamp" || !read) return failAt(at)(`There is no ${name} of ${nameOfKind(receiver)}`);
    return double(read(new Date(toMilliseconds(receiver.ticks))));
  }

  #method({ receiver, name, args, at }: Extract<Expression, { kind: "method" }>): Value {
    const fail = failAt(at);
    const on = this.#value(receiver);
    const method = methods.get(name);
    if (on.kind !== "samples" || !method) return fail(`${name} is a method of the service's variables only`);
    const { variable } = on;
    const { value, use } = method.call({
      variable,
      history: this.#pool.history,
      now: this.#now,
      args: args.map((argument) => this.#plain(argument)),
      fail,
      insufficient: (reason) => {
        throw new FormulaError("InsufficientSampleData", at, reason);
      },
    });
    this.#spend(sizeOf(value), at);
    this.#uses.push({ variable, method: name, ...use });
    return value;
  }

  #call(name: string, args: readonly Expression[], at: Position): Value {
    const values = args.map((argument) => this.#plain(argument));
    return callFunction(name, values, {
      now: this.#now,
      random: this.#pool.random,
      stop: () => {
        this.isStopped = true;
      },
      spend: (steps) => this.#spend(steps, at),
      fail: failAt(at),
    });
  }
}
