import fc from "fast-check";
import { expect, test } from "vitest";
import { limitsOfRun } from "./limits.ts";

const limits = { slots: 4, processesPerSlot: 10, memoryBytes: 1000, cores: 2 };

test("a run has as many parts of what its node has as it takes slots", () => {
  expect(limitsOfRun(limits, 1)).toEqual({ pids: 11, memory: 250, cpu: 0.5 });
  expect(limitsOfRun(limits, 4)).toEqual({ pids: 41, memory: 1000, cpu: 2 });
});

test("a run without slots may take what the node has", () => {
  expect(limitsOfRun(limits, undefined)).toEqual(limitsOfRun(limits, 4));
});

test("what a node does not limit, its runs do not limit", () => {
  expect(limitsOfRun({ slots: 4 }, 1)).toEqual({});
});

test("runs that fill the slots of a node take no more together than it has", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 8 }), (taken) => {
      const slots = taken.reduce((sum, each) => sum + each);
      const memory = taken.map((each) => limitsOfRun({ slots, memoryBytes: 1e9 }, each).memory ?? Number.NaN);
      return memory.reduce((sum, each) => sum + each) <= 1e9;
    }),
  );
});
