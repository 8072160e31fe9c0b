import { expect, test } from "vitest";
import { mostOf, useSince } from "./use.ts";

const cpu = (userSeconds: number, kernelSeconds: number) => ({
  source: "controlGroup" as const,
  userSeconds,
  kernelSeconds,
});
const memory = (peakBytes: number) => ({ source: "processes" as const, peakBytes });

test("a run has used what its counters have grown by, and its peak is the later one", () => {
  const before = { cpu: cpu(1, 0.5), memory: memory(900) };
  expect(useSince(before, { cpu: cpu(3, 0.75), memory: memory(100) })).toEqual({
    cpu: cpu(2, 0.25),
    memory: memory(100),
  });
});

test("a counter that went back counts as still, and what nobody counts stays absent", () => {
  expect(useSince({ cpu: cpu(5, 5) }, { cpu: cpu(4, 6) })).toEqual({ cpu: cpu(0, 1) });
  expect(useSince({ cpu: cpu(5, 5) }, {})).toEqual({});
});

test("readings of different sources are not subtracted from each other", () => {
  const after = { cpu: { source: "processes", userSeconds: 2, kernelSeconds: 1 } } as const;
  expect(useSince({ cpu: cpu(1, 1) }, after)).toEqual(after);
});

test("of two readings each figure is the larger one", () => {
  expect(mostOf({ cpu: cpu(2, 0), memory: memory(7) }, { cpu: cpu(1, 3) })).toEqual({
    cpu: cpu(2, 3),
    memory: memory(7),
  });
  expect(mostOf({}, {})).toEqual({});
});
