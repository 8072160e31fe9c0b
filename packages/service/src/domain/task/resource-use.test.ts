import { expect, test } from "vitest";
import { addedUse, addUse, noUse, readUse, withRunUse } from "./resource-use.ts";

const run = {
  cpu: { source: "controlGroup", userSeconds: 1.5, kernelSeconds: 0.1 },
  memory: { source: "processes", peakBytes: 500 },
  io: { source: "processes", readBytes: 1, writeBytes: 2, readOperations: 3, writeOperations: 4 },
} as const;

test("the runs of a task add up, but for the peak of memory, which is the highest", () => {
  const first = withRunUse(null, run);
  const second = withRunUse(first, { ...run, memory: { source: "controlGroup", peakBytes: 300 } });
  expect(readUse(second)).toEqual({
    use: {
      userSeconds: 3,
      kernelSeconds: 0.2,
      memoryPeak: 500,
      readBytes: 2,
      writeBytes: 4,
      readOperations: 6,
      writeOperations: 8,
    },
    sources: { cpu: "controlGroup", memory: "controlGroup", io: "processes" },
  });
});

test("a run of which nothing was counted leaves the task as it was", () => {
  expect(withRunUse(null, {})).toBeNull();
  const first = withRunUse(null, run);
  expect(withRunUse(first, {})).toBe(first);
});

test("what a run has added is what the job gets", () => {
  const first = withRunUse(null, run);
  const second = withRunUse(first, { cpu: { source: "controlGroup", userSeconds: 2, kernelSeconds: 0 } });
  expect(addedUse(null, first)).toEqual(readUse(first).use);
  expect(addedUse(first, second)).toEqual({ ...noUse, userSeconds: 2, memoryPeak: 500 });
  expect(addUse(addedUse(null, first), addedUse(first, second)).userSeconds).toBe(3.5);
});
