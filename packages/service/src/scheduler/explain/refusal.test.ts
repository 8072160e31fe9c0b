import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { plan } from "../plan.ts";
import type { JobSnapshot, NodeSnapshot, PoolSnapshot, WaitingTask } from "../snapshot.ts";
import { type Refusal, whyNotPlaced } from "./refusal.ts";

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

/** Why the first task of the last job is not placed. */
function why(pool: Partial<PoolSnapshot>): Refusal | undefined {
  const whole = aPool(pool);
  const job = whole.jobs.at(-1);
  const [task] = job?.tasks ?? [];
  if (!job || !task) throw new Error("a pool without a waiting task");
  return whyNotPlaced(whole, { job, task });
}

describe("a task that is not placed is told", () => {
  test("nothing, when it is placed", () => {
    expect(why({})).toBeUndefined();
  });

  test("that its job has as many tasks running as it may", () => {
    expect(why({ jobs: [aJob({ headroom: 0 })] })).toEqual({ kind: "jobLimit" });
  });

  test("that no node takes tasks", () => {
    expect(why({ nodes: [] })).toEqual({ kind: "noNode" });
  });

  test("how many slots it needs, and how many the largest node has", () => {
    const jobs = [aJob({ tasks: [aTask({ requiredSlots: 8 })] })];
    const nodes = [aNode({ slots: 2, freeSlots: 2 }), aNode({ nodePk: 2, nodeId: "n2", slots: 4, freeSlots: 0 })];
    expect(why({ jobs, nodes })).toEqual({ kind: "tooLarge", requiredSlots: 8, largestNode: 4 });
  });

  test("that only dedicated nodes are for it, and that the preparation has failed everywhere", () => {
    const dedicated = [aJob({ tasks: [aTask({ needsDedicated: true })] })];
    expect(why({ jobs: dedicated, nodes: [aNode({ isDedicated: false })] })).toEqual({ kind: "notDedicated" });
    expect(why({ jobs: [aJob({ closedNodePks: [1] })] })).toEqual({ kind: "closed", nodes: 1 });
  });

  test("how many nodes a multi-instance task needs, and how many its job may have", () => {
    const jobs = [aJob({ tasks: [aTask({ instances: 3 })] })];
    const nodes = [1, 2].map((nodePk) => aNode({ nodePk, nodeId: `n${nodePk}`, slots: 1, freeSlots: 1 }));
    expect(why({ jobs, nodes, gangNodes: 2 })).toEqual({ kind: "tooFewNodes", instances: 3, nodes: 2 });
    expect(why({ jobs: [aJob({ tasks: [aTask({ instances: 2 })] })], nodes })).toMatchObject({ kind: "tooFewNodes" });
  });

  test("how much room there is", () => {
    const jobs = [aJob({ tasks: [aTask({ requiredSlots: 3 })] })];
    const nodes = [aNode({ freeSlots: 2 }), aNode({ nodePk: 2, nodeId: "n2", freeSlots: 1 })];
    expect(why({ jobs, nodes })).toEqual({ kind: "noRoom", requiredSlots: 3, largestRoom: 2, wholeNodes: 0 });
    expect(why({ jobs: [aJob({ tasks: [aTask({ isExclusive: true })] })], nodes })).toMatchObject({ kind: "noRoom" });
  });

  test("that others come before it: of its job, of a job of higher priority, or of several nodes", () => {
    const nodes = [aNode({ slots: 1, freeSlots: 1 })];
    const urgent = aJob({ jobPk: 2, priority: 5, tasks: [aTask({ taskPk: 2 })] });
    expect(why({ jobs: [urgent, aJob()], nodes })).toEqual({ kind: "behindOthers" });
    const gang = aJob({ jobPk: 2, priority: 5, tasks: [aTask({ taskPk: 2, instances: 2 })] });
    const two = [...nodes, aNode({ nodePk: 2, nodeId: "n2", slots: 1, freeSlots: 0 })];
    expect(why({ jobs: [gang, aJob()], nodes: two, gangNodes: 2 })).toEqual({ kind: "behindOthers" });
  });
});

const aWaitingTask = fc.record({
  requiredSlots: fc.integer({ min: 1, max: 6 }),
  instances: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 4 }),
  isExclusive: fc.boolean(),
  needsDedicated: fc.boolean(),
});
const aSnapshotJob = fc.record({
  priority: fc.integer({ min: 0, max: 2 }),
  headroom: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  closed: fc.subarray([0, 1, 2, 3]),
  hasMore: fc.boolean(),
  tasks: fc.array(aWaitingTask, { maxLength: 5 }),
});
const aSnapshotNode = fc.record({
  slots: fc.integer({ min: 1, max: 4 }),
  taken: fc.integer({ min: 0, max: 5 }),
  isDedicated: fc.boolean(),
});

const pools: fc.Arbitrary<PoolSnapshot> = fc
  .record({
    fillType: fc.constantFrom("pack" as const, "spread" as const),
    nodes: fc.array(aSnapshotNode, { maxLength: 6 }),
    jobs: fc.array(aSnapshotJob, { minLength: 1, maxLength: 4 }),
    running: fc.array(fc.record({ node: fc.nat({ max: 5 }), priority: fc.integer({ min: -1, max: 2 }) }), {
      maxLength: 4,
    }),
  })
  .map(({ fillType, nodes, jobs, running }) => ({
    poolPk: 1,
    fillType,
    gangNodes: nodes.length,
    nodes: nodes.map(({ slots, taken, isDedicated }, nodePk) => ({
      nodePk,
      nodeId: `n${nodePk}`,
      slots,
      freeSlots: slots - taken,
      isDedicated,
    })),
    preemptible: running
      .filter(({ node }) => node < nodes.length)
      .map(({ node, priority }, index) => ({
        taskPk: 1000 + index,
        priority,
        places: [{ nodePk: node, slots: 1 }],
      })),
    jobs: jobs.map(({ priority, headroom, closed, hasMore, tasks }, jobPk) => ({
      jobPk,
      priority,
      hasMore,
      closedNodePks: closed,
      ...(headroom === undefined ? {} : { headroom }),
      tasks: tasks.map(({ instances, requiredSlots, ...task }, index) => ({
        ...task,
        taskPk: jobPk * 100 + index,
        requiredSlots: instances === undefined ? requiredSlots : 1,
        ...(instances === undefined ? {} : { instances }),
      })),
    })),
  }));

const tasksOf = (pool: PoolSnapshot) => pool.jobs.flatMap((job) => job.tasks.map((task) => ({ job, task })));

describe("properties of every answer", () => {
  test("no reason is given exactly when the planner places the task", () => {
    fc.assert(
      fc.property(pools, (pool) => {
        const placed = new Set(plan({ pools: [pool] }).map(({ taskPk }) => taskPk));
        for (const waiter of tasksOf(pool))
          expect(whyNotPlaced(pool, waiter) === undefined).toBe(placed.has(waiter.task.taskPk));
      }),
    );
  });

  test("who is told that nothing suits is not placed, even if nobody else were there", () => {
    const forGood = new Set<Refusal["kind"]>(["tooLarge", "notDedicated", "closed", "tooFewNodes"]);
    fc.assert(
      fc.property(pools, (pool) => {
        const nodes = pool.nodes.map((node) => ({ ...node, freeSlots: node.slots }));
        for (const { job, task } of tasksOf(pool)) {
          const refusal = whyNotPlaced(pool, { job, task });
          if (!refusal || !forGood.has(refusal.kind)) continue;
          const alone = { ...pool, nodes, preemptible: [], jobs: [{ ...job, tasks: [task] }] };
          expect(plan({ pools: [alone] })).toEqual([]);
        }
      }),
    );
  });

  test("who is told that others come first is placed when it is alone", () => {
    fc.assert(
      fc.property(pools, (pool) => {
        for (const { job, task } of tasksOf(pool)) {
          if (whyNotPlaced(pool, { job, task })?.kind !== "behindOthers") continue;
          expect(plan({ pools: [{ ...pool, jobs: [{ ...job, tasks: [task] }] }] })).toHaveLength(1);
        }
      }),
    );
  });

  test("the numbers are those of the nodes", () => {
    fc.assert(
      fc.property(pools, (pool) => {
        const largestNode = Math.max(...pool.nodes.map(({ slots }) => slots));
        for (const waiter of tasksOf(pool)) {
          const refusal = whyNotPlaced(pool, waiter);
          if (refusal?.kind === "tooLarge") expect(refusal).toMatchObject({ largestNode });
          if (refusal?.kind === "tooLarge") expect(refusal.requiredSlots).toBeGreaterThan(largestNode);
          const needsSlotsOnly = waiter.task.instances === undefined && !waiter.task.isExclusive;
          if (refusal?.kind === "noRoom" && needsSlotsOnly)
            expect(refusal.requiredSlots).toBeGreaterThan(refusal.largestRoom);
        }
      }),
    );
  });
});
