import { expect, test } from "vitest";
import { limitsOfNode } from "./node-limits.ts";

test("a node has the limits of its pool's size only when they are asked for", () => {
  expect(limitsOfNode("standard_d4s_v3", { processesPerSlot: 100, nodeLimits: "vm-size" })).toEqual({
    processesPerSlot: 100,
    memoryBytes: 16 * 2 ** 30,
    cores: 4,
  });
  expect(limitsOfNode("standard_d4s_v3", { processesPerSlot: 100, nodeLimits: "none" })).toEqual({
    processesPerSlot: 100,
  });
});

test("0 processes stand for no limit, and a size that nobody knows has none", () => {
  expect(limitsOfNode("garage", { processesPerSlot: 0, nodeLimits: "vm-size" })).toEqual({});
});
