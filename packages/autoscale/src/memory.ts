import type { Fail } from "./formula-error.ts";
import { valueText } from "./text.ts";
import { intervalConstants } from "./time.ts";
import { type DeallocationOption, deallocationOptions, double, nameOfKind, type Value } from "./value.ts";
import {
  findSampleVariable,
  findTargetVariable,
  isFormerName,
  optionVariable,
  similarVariable,
  type TargetVariable,
} from "./variables.ts";

/** What a pool is meant to become. */
export interface Targets {
  readonly targetDedicatedNodes: number;
  readonly targetLowPriorityNodes: number;
  readonly nodeDeallocationOption: DeallocationOption;
}

/** The largest count of nodes that a pool's target can hold. */
const largestTarget = 2 ** 31 - 1;

/** The variables of one run. */
export class Memory {
  readonly #start: Record<TargetVariable, number>;
  /** A former name does not overwrite what was given to the full one, whatever the order. */
  readonly #assigned = new Map<TargetVariable, { full?: number; former?: number }>();
  #option: DeallocationOption = "requeue";
  readonly #own = new Map<string, Value>();

  constructor(targetDedicatedNodes: number, targetLowPriorityNodes: number) {
    this.#start = {
      $TargetDedicatedNodes: targetDedicatedNodes,
      $TargetLowPriorityNodes: targetLowPriorityNodes,
    };
  }

  /** What a name stands for. */
  read(name: string, fail: Fail): Value {
    const ticks = intervalConstants.get(name);
    if (ticks !== undefined) return { kind: "interval", ticks };
    const option = deallocationOptions.find((each) => each === name);
    if (option) return { kind: "option", option };
    if (name === optionVariable) return { kind: "option", option: this.#option };
    const target = findTargetVariable(name);
    if (target) return double(this.#target(target));
    const variable = findSampleVariable(name);
    if (variable) return { kind: "samples", variable };
    return this.#own.get(name) ?? fail(`The variable ${name} has no value${hintFor(name)}`);
  }

  /** @param value no sample object */
  assign(name: string, value: Value, fail: Fail): void {
    if (value.kind === "nothing") fail(`There is no value for ${name}`);
    const target = findTargetVariable(name);
    if (target) {
      const number = value.kind === "double" ? value.value : fail(`${name} must be a double, not ${nameOfKind(value)}`);
      this.#assigned.set(target, { ...this.#assigned.get(target), [isFormerName(name) ? "former" : "full"]: number });
      return;
    }
    if (name === optionVariable) {
      this.#option =
        value.kind === "option" ? value.option : fail(`${name} must be one of ${deallocationOptions.join(", ")}`);
      return;
    }
    const isReserved = deallocationOptions.some((each) => each === name) || intervalConstants.has(name);
    if (isReserved || findSampleVariable(name)) fail(`${name} cannot be assigned`);
    this.#own.set(name, value);
  }

  /** Targets are cut to whole numbers; a negative one means none. */
  targets(fail: Fail): Targets {
    const whole = (target: TargetVariable) => {
      const value = this.#target(target);
      if (!Number.isFinite(value) || value > largestTarget) fail(`${target} cannot be ${value}`);
      return Math.max(0, Math.trunc(value));
    };
    return {
      targetDedicatedNodes: whole("$TargetDedicatedNodes"),
      targetLowPriorityNodes: whole("$TargetLowPriorityNodes"),
      nodeDeallocationOption: this.#option,
    };
  }

  /** The formula's own variables as they stand in the result string, in the order of their bytes. */
  ownResults(): string[] {
    const names = [...this.#own].sort(([one], [other]) => (one < other ? -1 : 1));
    return names.map(([name, value]) => `${name}=${valueText(value)}`);
  }

  #target(target: TargetVariable): number {
    const { full, former } = this.#assigned.get(target) ?? {};
    return full ?? former ?? this.#start[target];
  }
}

function hintFor(name: string): string {
  const similar = similarVariable(name);
  return similar === undefined ? "" : `; did you mean ${similar}?`;
}
