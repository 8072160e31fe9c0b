import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Node } from "./node.ts";
import type { Pool } from "./pool.ts";
import { resizeStep } from "./resize.ts";

const now = new Date("2026-01-01T00:00:00Z");
const later = new Date("2026-01-01T01:00:00Z");

const aPool = (pool: Partial<Pool> = {}): Pool => ({
  pk: 1,
  accountPk: 1,
  key: "p",
  id: "p",
  etag: "0x8",
  lastModified: now,
  creationTime: now,
  state: "active",
  stateTransitionTime: now,
  allocationState: "resizing",
  allocationStateTransitionTime: now,
  vmSize: "standard_d2s_v3",
  enableAutoScale: false,
  enableInterNodeCommunication: false,
  targetDedicatedNodes: 0,
  targetLowPriorityNodes: 0,
  taskSlotsPerNode: 1,
  resizeDeadline: later,
  resizeTimeoutSeconds: 900,
  nodeDeallocationOption: "requeue",
  resizeErrors: null,
  spec: { id: "p", vmSize: "standard_d2s_v3" },
  ...pool,
});

const aNode = (node: Partial<Node> = {}): Node => ({
  pk: 1,
  poolPk: 1,
  id: "n",
  state: "idle",
  stateTransitionTime: now,
  schedulingState: "enabled",
  isDedicated: true,
  allocationTime: now,
  lastBootTime: now,
  lastSeen: now,
  ipAddress: null,
  agentVersion: null,
  slots: 1,
  usedSlots: 0,
  runningTasks: 0,
  totalTasksRun: 0,
  totalTasksSucceeded: 0,
  startTask: null,
  startRunId: null,
  startTaskInfo: null,
  errors: null,
  ...node,
});

describe("a resize", () => {
  test("makes the nodes that are missing, of each kind", () => {
    const step = resizeStep(aPool({ targetDedicatedNodes: 3, targetLowPriorityNodes: 1 }), [aNode()], now);
    expect(step).toEqual({ grow: { dedicated: 2, lowPriority: 1 }, shrink: [] });
  });

  test("is over when every node is past its creation", () => {
    const pool = aPool({ targetDedicatedNodes: 1 });
    expect(resizeStep(pool, [aNode({ state: "creating" })], now).settled).toBeUndefined();
    expect(resizeStep(pool, [aNode({ state: "starting" })], now).settled).toEqual({ errors: [] });
  });

  test("takes idle nodes before busy ones, and broken ones before idle ones", () => {
    const nodes = [
      aNode({ pk: 1, state: "running", runningTasks: 1 }),
      aNode({ pk: 2 }),
      aNode({ pk: 3, state: "unusable" }),
    ];
    expect(resizeStep(aPool({ targetDedicatedNodes: 1 }), nodes, now).shrink.map(({ pk }) => pk)).toEqual([3, 2]);
  });

  test("that takes too long ends with what there is, and an error for each kind that is short", () => {
    const pool = aPool({ targetDedicatedNodes: 2, resizeDeadline: now });
    const { settled } = resizeStep(pool, [aNode(), aNode({ pk: 2, state: "creating" })], now);
    expect(settled?.errors).toMatchObject([{ code: "AllocationTimedOut" }]);
  });

  test("that is stopped keeps the nodes that are up and gives up the others", () => {
    const pool = aPool({ targetDedicatedNodes: 2, allocationState: "stopping" });
    const creating = aNode({ pk: 2, state: "creating" });
    expect(resizeStep(pool, [aNode(), creating], now)).toMatchObject({ shrink: [creating] });
    expect(resizeStep(pool, [aNode()], now).settled?.errors).toMatchObject([{ code: "ResizeStopped" }]);
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
          const step = resizeStep(pool, nodes, now);
          nodes = nodes.filter((node) => !step.shrink.includes(node));
          const grown = [true, false].flatMap((isDedicated) =>
            [...Array(isDedicated ? step.grow.dedicated : step.grow.lowPriority).keys()].map((pk) =>
              aNode({ pk: 100 + pk, isDedicated }),
            ),
          );
          expect(resizeStep(pool, [...nodes, ...grown], now).settled).toEqual({ errors: [] });
        },
      ),
    );
  });
});
