import { expect, test } from "vitest";
import { SentAhead } from "./sent-ahead.ts";

const sent = (jobPk: number, requiredSlots = 1) => ({ taskPk: 0, jobPk, nodePk: 1, requiredSlots, beyond: 8 });
const node = (freeSlots: number) => ({ nodePk: 1, nodeId: "n1", slots: 4, freeSlots });

test("only what is sent to nodes without a free slot waits there", () => {
  const ahead = new SentAhead();
  ahead.add([sent(1), { taskPk: 0, jobPk: 1, nodePk: 1, requiredSlots: 1 }, sent(2, 3)], 0);
  expect([1, 2, 3].map((jobPk) => ahead.slotsOf(jobPk))).toEqual([1, 3, 0]);
});

test("what was sent first begins first, as soon as fewer slots of the node are promised", () => {
  const ahead = new SentAhead();
  ahead.add([sent(1), sent(2, 2), sent(1)], 0);
  const waiting = (freeSlots: number) => {
    ahead.look([node(freeSlots)], 0);
    return [ahead.slotsOf(1), ahead.slotsOf(2)];
  };
  expect(waiting(-4)).toEqual([2, 2]);
  expect(waiting(-3)).toEqual([1, 2]);
  expect(waiting(-2)).toEqual([1, 0]);
  expect(waiting(1)).toEqual([0, 0]);
});

test("a node that nobody looks at any more is forgotten", () => {
  const ahead = new SentAhead();
  ahead.add([sent(1)], 1_000);
  ahead.forgetBefore(1_000);
  expect(ahead.slotsOf(1)).toBe(1);
  ahead.forgetBefore(1_001);
  expect(ahead.slotsOf(1)).toBe(0);
});
