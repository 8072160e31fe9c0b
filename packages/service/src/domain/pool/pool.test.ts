import type { AllocationState } from "@kyanite/contract";
import { expect, test } from "vitest";
import { aPool } from "../../../test/builders.ts";
import { allocationTransitions, deletingPool, moveAllocation } from "./pool.ts";

const now = new Date("2026-01-02T00:00:00Z");
test("only a pool that resizes can be stopped, and a steady one has nothing to settle", () => {
  expect(moveAllocation(aPool({ allocationState: "resizing" }), "stop", now)).toMatchObject({
    allocationState: "stopping",
    allocationStateTransitionTime: now,
  });
  expect(() => moveAllocation(aPool({ allocationState: "steady" }), "stop", now)).toThrow(RangeError);
  expect(() => moveAllocation(aPool({ allocationState: "steady" }), "settle", now)).toThrow(RangeError);
});

test("a pool can be deleted whatever its allocation does, but only once", () => {
  for (const state of ["steady", "resizing", "stopping"] as const) {
    const deleting = deletingPool(aPool({ allocationState: state, targetDedicatedNodes: 3 }), now);
    expect(deleting).toMatchObject({ state: "deleting", allocationState: "resizing", targetDedicatedNodes: 0 });
    expect(() => deletingPool(deleting, now)).toThrow(RangeError);
  }
});

test("every state of an allocation leads to a steady pool", () => {
  const reached = (state: AllocationState) => Object.values(allocationTransitions[state]);
  expect(reached("resizing")).toContain("steady");
  expect(reached("stopping")).toContain("steady");
  expect(reached("steady")).toEqual(["resizing"]);
});
