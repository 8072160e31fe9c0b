import type { RunUse } from "@kyanite/contract";

/** What was used between two readings of counters that only grow. A peak is that of the later one. */
export function useSince(before: RunUse, after: RunUse): RunUse {
  return {
    ...(after.cpu && { cpu: differences(before.cpu, after.cpu) }),
    ...(after.memory && { memory: after.memory }),
    ...(after.io && { io: differences(before.io, after.io) }),
  };
}

/** The larger of each figure: whoever was killed between two looks is in the earlier one only. */
export function mostOf(one: RunUse, other: RunUse): RunUse {
  return {
    ...withMost("cpu", one.cpu, other.cpu),
    ...withMost("memory", one.memory, other.memory),
    ...withMost("io", one.io, other.io),
  };
}

type Amounts = Readonly<Record<string, number | string>>;

/** Of different sources the later one knows better how to begin. */
function differences<Each extends Amounts>(before: Each | undefined, after: Each): Each {
  if (before === undefined || before.source !== after.source) return after;
  return combined(before, after, (from, to) => Math.max(0, to - from));
}

function withMost<Name extends string, Each extends Amounts>(
  name: Name,
  one: Each | undefined,
  other: Each | undefined,
): Partial<Record<Name, Each>> {
  const most = one && other ? combined(one, other, Math.max) : (one ?? other);
  const result: Partial<Record<Name, Each>> = {};
  if (most) result[name] = most;
  return result;
}

function combined<Each extends Amounts>(one: Each, other: Each, combine: (one: number, other: number) => number): Each {
  const result = { ...other };
  for (const name in other) {
    const [first, second] = [one[name], other[name]];
    if (typeof first === "number" && typeof second === "number")
      Object.assign(result, { [name]: combine(first, second) });
  }
  return result;
}
