import { describe, expect, test } from "vitest";
import { type OvertakenNode, type OvertakenPool, planOvertaking } from "./overtaking.ts";

const aNode = (node: Partial<OvertakenNode> = {}): OvertakenNode => ({
  nodePk: 1,
  nodeId: "n1",
  slots: 2,
  freeSlots: -6,
  lowerSlots: 8,
  otherSlots: 0,
  ...node,
});
const aPool = (nodes: readonly OvertakenNode[], tasks = 10): OvertakenPool => ({
  poolPk: 1,
  fillType: "spread",
  nodes,
  jobs: [
    { jobPk: 1, priority: 900, tasks: Array.from({ length: tasks }, (_, taskPk) => ({ taskPk, requiredSlots: 1 })) },
  ],
});
const taskPks = (pools: readonly OvertakenPool[], placed: readonly number[] = []) =>
  planOvertaking(
    pools,
    placed.map((taskPk) => ({ taskPk, jobPk: 1, nodePk: 9, requiredSlots: 1 })),
  ).map(({ taskPk }) => taskPk);

describe("where tasks of lower priority wait on nodes", () => {
  test("better ones are put before them: as many as the node has slots, and as many again to follow", () => {
    expect(taskPks([aPool([aNode()])])).toEqual([0, 1, 2, 3]);
    expect(planOvertaking([aPool([aNode()])], [])[0]).toMatchObject({ nodePk: 1, beyond: 10 });
  });

  test("no more are put there than there are to be overtaken, and those that are there already count", () => {
    expect(taskPks([aPool([aNode({ lowerSlots: 3, freeSlots: -1 })])])).toEqual([0, 1, 2]);
    expect(taskPks([aPool([aNode({ lowerSlots: 6, otherSlots: 3 })])])).toEqual([0]);
    expect(taskPks([aPool([aNode({ lowerSlots: 0, otherSlots: 8 })])])).toEqual([]);
  });

  test("tasks that get a free slot elsewhere stay there", () => {
    expect(taskPks([aPool([aNode()], 3)], [0, 2])).toEqual([1]);
  });
});
