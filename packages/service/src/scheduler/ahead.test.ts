import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Ahead, aheadOf, type EndedRun, planAhead } from "./ahead.ts";
import { plan } from "./plan.ts";
import type { JobSnapshot, NodeSnapshot, Placement, Snapshot, WaitingTask } from "./snapshot.ts";

const tasks = (count: number, from = 1): WaitingTask[] =>
  Array.from({ length: count }, (_, index) => ({ taskPk: from + index, requiredSlots: 1 }));
const aNode = (node: Partial<NodeSnapshot> = {}): NodeSnapshot => ({
  nodePk: 1,
  nodeId: "n1",
  slots: 2,
  freeSlots: 0,
  ...node,
});
const aJob = (job: Partial<JobSnapshot> = {}): JobSnapshot => ({ jobPk: 1, priority: 0, tasks: tasks(100), ...job });
const inPool = (nodes: readonly NodeSnapshot[], jobs: readonly JobSnapshot[]): Snapshot => ({
  pools: [{ poolPk: 1, fillType: "spread", nodes, jobs }],
});
const upTo = (depth: number, ...jobPks: number[]): Ahead => ({
  jobPks: new Set(jobPks),
  depths: new Map([
    [1, depth],
    [2, depth],
  ]),
  slots: 5,
});
const taskPks = (placements: readonly Placement[]) => placements.map(({ taskPk }) => taskPk);

const ended = (seconds: number, more: Partial<EndedRun> = {}): EndedRun => ({
  jobPk: 1,
  nodePk: 1,
  slots: 1,
  seconds,
  ...more,
});

describe("what runs that have ended say of those to come", () => {
  test("nodes get work for 50 ms, and no more than 16 times their slots", () => {
    const depthAfter = (...seconds: number[]) => aheadOf(seconds.map((each) => ended(each))).depths.get(1);
    expect(depthAfter(0)).toBe(16);
    expect(depthAfter(0.001)).toBe(16);
    expect(depthAfter(0.015)).toBe(3);
    expect(depthAfter(0.01, 0.02)).toBe(3);
    expect(depthAfter(0.05)).toBe(1);
    expect(depthAfter(0.051)).toBe(0);
    expect(depthAfter(3600)).toBe(0);
  });

  test("while the service is behind, nodes get no more than 3 times their slots", () => {
    const isBacklogged = true;
    expect(aheadOf([ended(0)], { isBacklogged }).depths.get(1)).toBe(3);
    expect(aheadOf([ended(0.051)], { isBacklogged }).depths.get(1)).toBe(0);
  });

  test("one more container waits for each slot, where they are over within a second", () => {
    const after = (...seconds: number[]) => aheadOf(seconds.map((each) => ended(each, { isContained: true })));
    for (const seconds of [0.01, 0.3, 1]) {
      expect(after(seconds).depths.get(1)).toBe(1);
      expect([...after(seconds).jobPks]).toEqual([1]);
    }
    expect(after(1.1).depths.get(1)).toBe(0);
    expect([...after(1.1).jobPks]).toEqual([]);
    expect(after(0.3, 1.8).depths.get(1)).toBe(0);
  });

  test("jobs and nodes are judged each by their own runs", () => {
    const { jobPks, depths } = aheadOf([ended(0.01), ended(9, { jobPk: 2, nodePk: 2 })]);
    expect([...jobPks]).toEqual([1]);
    expect([...depths]).toEqual([
      [1, 5],
      [2, 0],
    ]);
  });
});

describe("placing ahead of time", () => {
  test("fills a node beyond its slots, and says how far", () => {
    const placements = planAhead(inPool([aNode()], [aJob()]), [], upTo(3, 1));
    expect(taskPks(placements)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(placements[0]).toMatchObject({ nodePk: 1, requiredSlots: 1, beyond: 6 });
  });

  test("counts what is there ahead of time already, and what has just been placed", () => {
    expect(planAhead(inPool([aNode({ freeSlots: -4 })], [aJob()]), [], upTo(3, 1))).toHaveLength(2);
    const snapshot = inPool([aNode({ freeSlots: 2 })], [aJob()]);
    const placed = plan(snapshot);
    expect(taskPks(placed)).toEqual([1, 2]);
    expect(taskPks(planAhead(snapshot, placed, upTo(1, 1)))).toEqual([3, 4]);
  });

  test("takes no more tasks of jobs whose runs are not known to be short than the nodes have slots", () => {
    expect(taskPks(planAhead(inPool([aNode()], [aJob({ jobPk: 2 })]), [], upTo(3, 1)))).toEqual([1, 2]);
    const other = aJob({ jobPk: 2, tasks: tasks(100, 201) });
    expect(taskPks(planAhead(inPool([aNode()], [aJob(), other]), [], upTo(4, 1)))).toEqual([1, 201, 2, 202, 3]);
  });

  test("lets nobody overtake who needs whole nodes: they have free slots soon", () => {
    const special = [{ isExclusive: true }, { instances: 2 }, { isRestart: true }];
    for (const each of special) {
      const urgent = aJob({ jobPk: 2, priority: 1, tasks: [{ taskPk: 91, requiredSlots: 1, ...each }] });
      expect(planAhead(inPool([aNode()], [urgent, aJob()]), [], upTo(3, 1, 2))).toEqual([]);
      expect(planAhead(inPool([aNode()], [aJob({ priority: 2 }), urgent]), [], upTo(3, 1, 2))).toHaveLength(6);
    }
  });

  test("lets nobody overtake who needs more slots at once than have been left", () => {
    const large = aJob({ priority: 1, tasks: [{ taskPk: 91, requiredSlots: 2 }] });
    const snapshot = inPool([aNode()], [large, aJob({ jobPk: 2 })]);
    expect(planAhead(snapshot, [], { ...upTo(3, 1, 2), slots: 1 })).toEqual([]);
    expect(taskPks(planAhead(snapshot, [], { ...upTo(1, 1, 2), slots: 2 }))).toEqual([91]);
    expect(aheadOf([ended(0, { slots: 2 }), ended(0, { slots: 1 })]).slots).toBe(1);
  });

  test("passes over a task that is too large for any node", () => {
    const jobs = [aJob({ tasks: [{ taskPk: 91, requiredSlots: 3 }, ...tasks(100)] })];
    expect(taskPks(planAhead(inPool([aNode()], jobs), [], upTo(1, 1)))).toEqual([1, 2]);
  });

  test("is not held up by those that could not run now, and those that have just got a slot", () => {
    const atLimit = aJob({ jobPk: 2, priority: 1, headroom: 1, tasks: tasks(2, 201) });
    const snapshot = inPool([aNode({ freeSlots: 1 })], [atLimit, aJob()]);
    const placed = plan(snapshot);
    expect(taskPks(placed)).toEqual([201]);
    expect(taskPks(planAhead(snapshot, placed, upTo(1, 1)))).toEqual([1, 2]);
  });

  test("leaves a node alone that a task has just taken as a whole", () => {
    const snapshot = inPool(
      [aNode({ freeSlots: 2 })],
      [aJob({ priority: 1, tasks: [{ taskPk: 91, requiredSlots: 2, isExclusive: true }] }), aJob({ jobPk: 2 })],
    );
    const placed = plan(snapshot);
    expect(taskPks(placed)).toEqual([91]);
    expect(planAhead(snapshot, placed, upTo(3, 1, 2))).toEqual([]);
  });

  test("takes no more than half of what is left at the end of a queue", () => {
    expect(planAhead(inPool([aNode()], [aJob({ tasks: tasks(4) })]), [], upTo(3, 1))).toHaveLength(2);
    expect(planAhead(inPool([aNode()], [aJob({ tasks: tasks(1) })]), [], upTo(3, 1))).toHaveLength(1);
  });

  test("lets no more tasks of a job run than the job allows", () => {
    const snapshot = inPool([aNode({ freeSlots: 1 })], [aJob({ headroom: 3 })]);
    expect(taskPks(planAhead(snapshot, plan(snapshot), upTo(3, 1)))).toEqual([2, 3]);
  });

  test("no task is placed twice, and no node gets more than it may have", () => {
    const node = fc.record({ freeSlots: fc.integer({ min: -20, max: 4 }), isDedicated: fc.boolean() });
    const task = fc.record({ requiredSlots: fc.integer({ min: 1, max: 5 }), needsDedicated: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(node, { minLength: 2, maxLength: 2 }),
        fc.array(fc.array(task, { maxLength: 60 }), { minLength: 2, maxLength: 2 }),
        fc.nat(8),
        (nodes, jobs, depth) => {
          const snapshot = inPool(
            nodes.map((each, index) => aNode({ ...each, nodePk: index + 1, nodeId: `n${index}`, slots: 4 })),
            jobs.map((each, index) =>
              aJob({ jobPk: index + 1, tasks: each.map((one, at) => ({ ...one, taskPk: 100 * index + at })) }),
            ),
          );
          const placed = plan(snapshot);
          const all = [...placed, ...planAhead(snapshot, placed, upTo(depth, 1, 2))];
          expect(new Set(taskPks(all)).size).toBe(all.length);
          for (const [index, { freeSlots }] of nodes.entries()) {
            const given = all.filter(({ nodePk }) => nodePk === index + 1);
            const taken = given.reduce((sum, { requiredSlots }) => sum + requiredSlots, 0);
            if (given.length > 0) expect(taken).toBeLessThanOrEqual(Math.max(0, freeSlots + 4 * depth));
          }
        },
      ),
    );
  });
});
