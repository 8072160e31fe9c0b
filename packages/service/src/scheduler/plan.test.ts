import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { plan } from "./plan.ts";
import type { JobSnapshot, NodeSnapshot, PoolSnapshot, RunningTask, Snapshot, WaitingTask } from "./snapshot.ts";

const aNode = (node: Partial<NodeSnapshot> = {}): NodeSnapshot => ({
  nodePk: 1,
  nodeId: "n1",
  slots: 4,
  freeSlots: 4,
  ...node,
});
const aTask = (task: Partial<WaitingTask> = {}): WaitingTask => ({ taskPk: 1, requiredSlots: 1, ...task });
const aJob = (job: Partial<JobSnapshot> = {}): JobSnapshot => ({ jobPk: 1, priority: 0, tasks: [aTask()], ...job });
const aPool = (pool: Partial<PoolSnapshot> = {}): PoolSnapshot => ({
  poolPk: 1,
  fillType: "spread",
  nodes: [aNode()],
  jobs: [aJob()],
  ...pool,
});
const inPool = (pool: Partial<PoolSnapshot>): Snapshot => ({ pools: [aPool(pool)] });

describe("a job manager that starts again", () => {
  const nodes = [aNode({ slots: 2, freeSlots: 0 })];
  const running = (taskPk: number, task: Partial<RunningTask> = {}): RunningTask => ({
    taskPk,
    priority: 0,
    isProtected: true,
    isManager: false,
    places: [{ nodePk: 1, slots: 1 }],
    ...task,
  });
  const jobs = [aJob({ tasks: [aTask({ isRestart: true, isExclusive: true })] })];
  const preempts = (preemptible: readonly RunningTask[]) => plan(inPool({ nodes, jobs, preemptible }))[0]?.preempts;

  test("takes the slots of tasks of its job's priority, whatever their jobs allow", () => {
    expect(preempts([running(91), running(92)])).toEqual([92, 91]);
  });

  test("takes none of a job of higher priority, nor of another manager of its priority", () => {
    expect(preempts([running(91), running(92, { priority: 1 })])).toBeUndefined();
    expect(preempts([running(91), running(92, { isManager: true, isProtected: false })])).toBeUndefined();
  });

  test("takes none while there is room, nor when it starts for the first time", () => {
    expect(plan(inPool({ jobs, preemptible: [running(91)] }))[0]?.preempts).toBeUndefined();
    const first = [aJob({ tasks: [aTask({ isExclusive: true })] })];
    expect(plan(inPool({ nodes, jobs: first, preemptible: [running(91), running(92)] }))).toEqual([]);
  });
});

test("room is made at the cost of those that are there ahead of time, too", () => {
  const preemptible = [94, 93, 92, 91].map((taskPk) => ({ taskPk, priority: 0, places: [{ nodePk: 1, slots: 1 }] }));
  const nodes = [aNode({ slots: 2, freeSlots: -2 }), aNode({ nodePk: 2, nodeId: "n2", slots: 2, freeSlots: 1 })];
  const urgent = (count: number) => [
    aJob({ priority: 1, tasks: Array.from({ length: count }, (_, index) => aTask({ taskPk: index + 1 })) }),
  ];
  const preempted = (count: number) =>
    plan(inPool({ nodes, jobs: urgent(count), preemptible })).map(({ preempts }) => preempts);
  expect(preempted(1)).toEqual([undefined]);
  expect(preempted(2)).toEqual([undefined, [92, 93, 94]]);
  expect(preempted(3)).toEqual([undefined, [92, 93, 94], [91]]);
});

describe("plan", () => {
  test("a task waits when no node has enough free slots", () => {
    expect(
      plan(inPool({ nodes: [aNode({ freeSlots: 1 })], jobs: [aJob({ tasks: [aTask({ requiredSlots: 2 })] })] })),
    ).toEqual([]);
  });

  test("a large task that fits nowhere does not hold up a small one behind it", () => {
    const tasks = [aTask({ taskPk: 1, requiredSlots: 8 }), aTask({ taskPk: 2 })];
    expect(plan(inPool({ jobs: [aJob({ tasks })] })).map(({ taskPk }) => taskPk)).toEqual([2]);
  });

  test("spread goes round the nodes", () => {
    const nodes = [aNode({ nodePk: 1, nodeId: "n1" }), aNode({ nodePk: 2, nodeId: "n2" })];
    const tasks = [1, 2].map((taskPk) => aTask({ taskPk }));
    expect(new Set(plan(inPool({ nodes, jobs: [aJob({ tasks })] })).map(({ nodePk }) => nodePk)).size).toBe(2);
  });

  test("pack fills one node before it begins the next", () => {
    const nodes = [aNode({ nodePk: 1, nodeId: "n1" }), aNode({ nodePk: 2, nodeId: "n2", freeSlots: 2 })];
    const tasks = [1, 2, 3].map((taskPk) => aTask({ taskPk }));
    expect(plan(inPool({ fillType: "pack", nodes, jobs: [aJob({ tasks })] })).map(({ nodePk }) => nodePk)).toEqual([
      2, 2, 1,
    ]);
  });

  test("a task gets the node it wishes for while there is room, and another when there is not", () => {
    const nodes = [aNode({ nodePk: 1, nodeId: "n1", freeSlots: 1 }), aNode({ nodePk: 2, nodeId: "n2" })];
    const tasks = [1, 2].map((taskPk) => aTask({ taskPk, affinityNodeId: "n1" }));
    expect(plan(inPool({ nodes, jobs: [aJob({ tasks })] })).map(({ nodePk }) => nodePk)).toEqual([1, 2]);
  });

  test("a node on which the preparation of a job has failed gets no task of it, but tasks of others", () => {
    const nodes = [aNode({ nodePk: 1, nodeId: "n1" }), aNode({ nodePk: 2, nodeId: "n2", freeSlots: 1 })];
    const jobs = [
      aJob({ jobPk: 1, closedNodePks: [1], tasks: [aTask({ taskPk: 11, affinityNodeId: "n1" })] }),
      aJob({ jobPk: 2, tasks: [aTask({ taskPk: 21 })] }),
    ];
    expect(plan(inPool({ nodes, jobs }))).toEqual([
      { taskPk: 11, jobPk: 1, nodePk: 2, requiredSlots: 1 },
      { taskPk: 21, jobPk: 2, nodePk: 1, requiredSlots: 1 },
    ]);
  });

  test("an exclusive task takes a node that is free as a whole, and nothing joins it", () => {
    const nodes = [aNode({ nodePk: 1, nodeId: "n1", freeSlots: 3 }), aNode({ nodePk: 2, nodeId: "n2" })];
    const tasks = [aTask({ taskPk: 1, isExclusive: true }), ...[2, 3, 4, 5].map((taskPk) => aTask({ taskPk }))];
    expect(plan(inPool({ nodes, jobs: [aJob({ tasks })] })).map(({ nodePk }) => nodePk)).toEqual([2, 1, 1, 1]);
  });

  test("a task that needs a dedicated node waits for one", () => {
    const tasks = [aTask({ needsDedicated: true })];
    const nodes = [aNode({ isDedicated: false })];
    expect(plan(inPool({ nodes, jobs: [aJob({ tasks })] }))).toEqual([]);
  });

  test("a job of higher priority is served first, jobs of equal priority take turns", () => {
    const jobs = [
      aJob({ jobPk: 1, tasks: [11, 12, 13].map((taskPk) => aTask({ taskPk })) }),
      aJob({ jobPk: 2, tasks: [aTask({ taskPk: 21 })] }),
      aJob({ jobPk: 3, priority: 5, tasks: [aTask({ taskPk: 31 })] }),
    ];
    expect(plan(inPool({ jobs })).map(({ taskPk }) => taskPk)).toEqual([31, 11, 21, 12]);
  });

  test("of jobs of equal priority the older one is served first where the pool wants it so", () => {
    const jobs = [
      aJob({ jobPk: 1, tasks: [11, 12, 13].map((taskPk) => aTask({ taskPk })) }),
      aJob({ jobPk: 2, tasks: [aTask({ taskPk: 21 })] }),
      aJob({ jobPk: 3, priority: 5, tasks: [aTask({ taskPk: 31 })] }),
    ];
    const pool = inPool({ jobs, jobOrder: "creationtime" });
    expect(plan(pool).map(({ taskPk }) => taskPk)).toEqual([31, 11, 12, 13]);
  });

  test("a job does not get beyond its headroom", () => {
    const tasks = [1, 2, 3].map((taskPk) => aTask({ taskPk }));
    expect(plan(inPool({ jobs: [aJob({ headroom: 2, tasks })] }))).toHaveLength(2);
  });
});

const pools: fc.Arbitrary<PoolSnapshot> = fc
  .record({
    fillType: fc.constantFrom("pack" as const, "spread" as const),
    free: fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 12 }),
    jobs: fc.array(
      fc.record({
        priority: fc.integer({ min: -2, max: 2 }),
        headroom: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
        tasks: fc.array(
          fc.record({
            requiredSlots: fc.integer({ min: 1, max: 9 }),
            wish: fc.option(fc.integer({ min: 0, max: 14 }), { nil: undefined }),
          }),
          { maxLength: 15 },
        ),
      }),
      { maxLength: 5 },
    ),
  })
  .map(({ fillType, free, jobs }) => ({
    poolPk: 1,
    fillType,
    nodes: free.map((freeSlots, index) => ({ nodePk: index, nodeId: `n${index}`, slots: 8, freeSlots })),
    jobs: jobs.map(({ priority, headroom, tasks }, jobPk) => ({
      jobPk,
      priority,
      ...(headroom === undefined ? {} : { headroom }),
      tasks: tasks.map(({ requiredSlots, wish }, index) => ({
        taskPk: jobPk * 100 + index,
        requiredSlots,
        ...(wish === undefined ? {} : { affinityNodeId: `n${wish}` }),
      })),
    })),
  }));

describe("properties of every plan", () => {
  test("no node is overfilled, no job goes beyond its headroom, no task is placed twice", () => {
    fc.assert(
      fc.property(pools, (pool) => {
        const placements = plan({ pools: [pool] });
        const tasks = new Map(pool.jobs.flatMap((job) => job.tasks).map((task) => [task.taskPk, task]));
        for (const node of pool.nodes) {
          const taken = placements.filter(({ nodePk }) => nodePk === node.nodePk);
          expect(
            taken.reduce((sum, { taskPk }) => sum + (tasks.get(taskPk)?.requiredSlots ?? 0), 0),
          ).toBeLessThanOrEqual(node.freeSlots);
        }
        for (const job of pool.jobs)
          expect(placements.filter(({ jobPk }) => jobPk === job.jobPk).length).toBeLessThanOrEqual(job.headroom ?? 99);
        expect(new Set(placements.map(({ taskPk }) => taskPk)).size).toBe(placements.length);
      }),
    );
  });

  test("the same snapshot gives the same plan", () => {
    fc.assert(
      fc.property(pools, (pool) => {
        expect(plan({ pools: [pool] })).toEqual(plan({ pools: [pool] }));
      }),
    );
  });

  test("no task is left waiting that still fits on a node, unless its job has no headroom left", () => {
    fc.assert(
      fc.property(pools, (pool) => {
        const placements = plan({ pools: [pool] });
        const tasks = new Map(pool.jobs.flatMap((job) => job.tasks).map((task) => [task.taskPk, task]));
        const free = pool.nodes.map(
          (node) =>
            node.freeSlots -
            placements
              .filter(({ nodePk }) => nodePk === node.nodePk)
              .reduce((sum, { taskPk }) => sum + (tasks.get(taskPk)?.requiredSlots ?? 0), 0),
        );
        for (const job of pool.jobs) {
          const placed = job.tasks.filter(({ taskPk }) => placements.some((placement) => placement.taskPk === taskPk));
          if (placed.length === job.headroom) continue;
          const waiting = job.tasks.filter((task) => !placed.includes(task));
          for (const task of waiting) expect(Math.max(0, ...free)).toBeLessThan(task.requiredSlots);
        }
      }),
    );
  });
});
