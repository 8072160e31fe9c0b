import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { unsatisfiable, unsatisfiableText } from "./eligibility.ts";
import { planPool } from "./plan.ts";

const shape = { enableInterNodeCommunication: false, taskSlotsPerNode: 4, largestNode: 0 };
const gangs = { enableInterNodeCommunication: true, taskSlotsPerNode: 1, largestNode: 1 };

describe("a task that a pool can never run", () => {
  test.each([
    [{ requiredSlots: 4, instances: null }, shape, undefined],
    [{ requiredSlots: 5, instances: null }, shape, "It needs 5 slots and the largest node of the pool has 4"],
    [{ requiredSlots: 5, instances: null }, { ...shape, largestNode: 8 }, undefined],
    [
      { requiredSlots: 1, instances: 2 },
      shape,
      "It needs 2 nodes at once, and the pool has no inter-node communication",
    ],
    [{ requiredSlots: 1, instances: 100 }, gangs, undefined],
    [
      { requiredSlots: 1, instances: 101 },
      gangs,
      "It needs 101 nodes at once, and a pool with inter-node communication",
    ],
  ])("%j in %j: %s", (task, pool, text) => {
    const reason = unsatisfiable(task, pool);
    if (text === undefined) expect(reason).toBeUndefined();
    else expect(reason && unsatisfiableText(reason)).toContain(text);
  });

  test("is never placed, however many nodes the pool gets", () => {
    const pools = fc.record({
      enableInterNodeCommunication: fc.boolean(),
      taskSlotsPerNode: fc.integer({ min: 1, max: 4 }),
      nodes: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 100 }),
    });
    const tasks = fc.record({
      requiredSlots: fc.integer({ min: 1, max: 8 }),
      instances: fc.option(fc.integer({ min: 1, max: 120 })),
    });
    fc.assert(
      fc.property(pools, tasks, ({ nodes, ...pool }, { requiredSlots, instances }) => {
        const isGang = instances !== null;
        const task = { requiredSlots: isGang ? 1 : requiredSlots, instances };
        if (!unsatisfiable(task, { ...pool, largestNode: Math.max(0, ...nodes) })) return;
        const isForGangs = pool.enableInterNodeCommunication && pool.taskSlotsPerNode === 1;
        const placements = planPool({
          poolPk: 1,
          fillType: "spread",
          gangNodes: isForGangs ? nodes.length : 0,
          nodes: nodes.map((slots, nodePk) => ({ nodePk, nodeId: `n${nodePk}`, slots, freeSlots: slots })),
          jobs: [
            {
              jobPk: 1,
              priority: 0,
              tasks: [{ taskPk: 1, requiredSlots: task.requiredSlots, ...(isGang ? { instances } : {}) }],
            },
          ],
        });
        expect(placements).toEqual([]);
      }),
    );
  });
});
