import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aNode, aPool } from "../../../test/builders.ts";
import { resizeStep } from "./resize.ts";

const now = new Date("2026-01-01T00:00:00Z");

const plenty = {
  dedicated: [{ nodes: 1000, error: { code: "AccountCoreQuotaReached", message: "", values: [] } }],
  lowPriority: [{ nodes: 1000, error: { code: "AccountLowPriorityCoreQuotaReached", message: "", values: [] } }],
  shared: [{ nodes: 1000, error: { code: "AllocationFailed", message: "", values: [] } }],
};

describe("a resize", () => {
  test("makes the nodes that are missing, of each kind", () => {
    const step = resizeStep(aPool({ targetDedicatedNodes: 3, targetLowPriorityNodes: 1 }), [aNode()], plenty, now);
    expect(step).toEqual({ grow: { dedicated: 2, lowPriority: 1 }, shrink: [], keep: [] });
  });

  test("is over when every node is past its creation", () => {
    const pool = aPool({ targetDedicatedNodes: 1 });
    expect(resizeStep(pool, [aNode({ state: "creating" })], plenty, now).settled).toBeUndefined();
    expect(resizeStep(pool, [aNode({ state: "starting" })], plenty, now).settled).toEqual({ errors: [] });
  });

  test("takes idle nodes before busy ones, and broken ones before idle ones", () => {
    const nodes = [
      aNode({ pk: 1, state: "running", runningTasks: 1 }),
      aNode({ pk: 2 }),
      aNode({ pk: 3, state: "unusable" }),
    ];
    expect(resizeStep(aPool({ targetDedicatedNodes: 1 }), nodes, plenty, now).shrink.map(({ pk }) => pk)).toEqual([
      3, 2,
    ]);
  });

  test("takes the nodes of job managers last, however few tasks they run", () => {
    const nodes = [
      { ...aNode({ pk: 1, state: "running", runningTasks: 1 }), runsManager: true },
      aNode({ pk: 2, state: "running", runningTasks: 4 }),
      { ...aNode({ pk: 3, state: "running", runningTasks: 1 }), runsManager: true },
    ];
    expect(resizeStep(aPool({ targetDedicatedNodes: 1 }), nodes, plenty, now).shrink.map(({ pk }) => pk)).toEqual([
      2, 3,
    ]);
  });

  test("that takes too long ends with what there is, and an error for each kind that is short", () => {
    const pool = aPool({ targetDedicatedNodes: 2, resizeDeadline: now });
    const late = aNode({ pk: 2, state: "creating" });
    const { settled, shrink } = resizeStep(pool, [aNode(), late], plenty, now);
    expect(settled?.errors).toMatchObject([{ code: "AllocationTimedOut" }]);
    expect(shrink).toEqual([late]);
  });

  test("that takes too long keeps the leaving nodes whose tasks go on", () => {
    const busy = aNode({ pk: 1, state: "leavingpool", runningTasks: 1 });
    const done = aNode({ pk: 2, state: "leavingpool" });
    const step = resizeStep(aPool({ resizeDeadline: now }), [busy, done], plenty, now);
    expect(step.keep).toEqual([busy]);
    expect(step.settled?.errors).toMatchObject([{ code: "RemoveNodesFailed" }]);
  });

  test("goes as far as the limits allow and names the one that ends it", () => {
    const pool = aPool({ targetDedicatedNodes: 3, targetLowPriorityNodes: 3 });
    const room = { ...plenty, shared: [{ nodes: 4, error: { code: "AllocationFailed", message: "", values: [] } }] };
    expect(resizeStep(pool, [], room, now).grow).toEqual({ dedicated: 3, lowPriority: 1 });
    const full = { ...room, shared: [{ nodes: 0, error: { code: "AllocationFailed", message: "", values: [] } }] };
    const nodes = [1, 2, 3, 4].map((pk) => aNode({ pk, isDedicated: pk < 4 }));
    expect(resizeStep(pool, nodes, full, now).settled?.errors).toMatchObject([{ code: "AllocationFailed" }]);
  });

  test("gives up nodes that their provider refused often enough", () => {
    const pool = aPool({ targetDedicatedNodes: 2 });
    const refused = aNode({ pk: 2, state: "creating", startFailures: 3, startFailure: "no space" });
    expect(resizeStep(pool, [aNode(), { ...refused, startFailures: 2 }], plenty, now).settled).toBeUndefined();
    const step = resizeStep(pool, [aNode(), refused], plenty, now);
    expect(step.shrink).toEqual([refused]);
    expect(step.settled?.errors).toMatchObject([
      { code: "AllocationFailed", values: [{ value: '{"message":"no space"}' }] },
    ]);
  });

  test("to nothing, of a pool that is being deleted, does not wait for tasks", () => {
    const nodes = [aNode(), aNode({ pk: 2, state: "leavingpool", runningTasks: 1 })];
    const step = resizeStep(aPool({ state: "deleting", resizeDeadline: null }), nodes, plenty, now);
    expect(step.shrink).toEqual(nodes);
  });

  test("that is stopped keeps the nodes that are up and gives up the others", () => {
    const pool = aPool({ targetDedicatedNodes: 2, allocationState: "stopping" });
    const creating = aNode({ pk: 2, state: "creating" });
    expect(resizeStep(pool, [aNode(), creating], plenty, now)).toMatchObject({ shrink: [creating] });
    expect(resizeStep(pool, [aNode()], plenty, now).settled?.errors).toMatchObject([{ code: "ResizeStopped" }]);
  });

  test("comes to rest from any number of nodes to any target", () => {
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.nat(20),
        fc.nat(20),
        fc.nat(20),
        (dedicated, low, targetDedicatedNodes, targetLowPriorityNodes) => {
          const pool = aPool({ targetDedicatedNodes, targetLowPriorityNodes });
          let nodes = [...Array(dedicated + low).keys()].map((pk) => aNode({ pk, isDedicated: pk < dedicated }));
          const step = resizeStep(pool, nodes, plenty, now);
          nodes = nodes.filter((node) => !step.shrink.includes(node));
          const grown = [true, false].flatMap((isDedicated) =>
            [...Array(isDedicated ? step.grow.dedicated : step.grow.lowPriority).keys()].map((pk) =>
              aNode({ pk: 100 + pk, isDedicated }),
            ),
          );
          expect(resizeStep(pool, [...nodes, ...grown], plenty, now).settled).toEqual({ errors: [] });
        },
      ),
    );
  });
});
