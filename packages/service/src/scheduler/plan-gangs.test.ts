import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { plan } from "./plan.ts";
import type { JobSnapshot, NodeSnapshot, Placement, PoolSnapshot, RunningTask, WaitingTask } from "./snapshot.ts";

const aNode = (nodePk: number, node: Partial<NodeSnapshot> = {}): NodeSnapshot => ({
  nodePk,
  nodeId: `n${nodePk}`,
  slots: 1,
  freeSlots: 1,
  ...node,
});
const busy = (nodePk: number) => aNode(nodePk, { freeSlots: 0 });
const aTask = (taskPk: number, task: Partial<WaitingTask> = {}): WaitingTask => ({ taskPk, requiredSlots: 1, ...task });
const aGang = (taskPk: number, instances: number): WaitingTask => aTask(taskPk, { instances });
const aJob = (job: Partial<JobSnapshot> = {}): JobSnapshot => ({ jobPk: 1, priority: 0, tasks: [], ...job });
const aPool = (pool: Partial<PoolSnapshot>): PoolSnapshot => ({
  poolPk: 1,
  fillType: "spread",
  nodes: [],
  jobs: [],
  gangNodes: 10,
  ...pool,
});
const running = (taskPk: number, priority: number, ...nodePks: readonly number[]): RunningTask => ({
  taskPk,
  priority,
  places: nodePks.map((nodePk) => ({ nodePk, slots: 1 })),
});
const planOf = (pool: Partial<PoolSnapshot>) => plan({ pools: [aPool(pool)] });
const placedTasks = (placements: readonly Placement[]) => placements.map(({ taskPk }) => taskPk);

describe("a multi-instance task", () => {
  test("gets all its nodes at once, the one it wishes for as its primary's", () => {
    const tasks = [{ ...aGang(1, 3), affinityNodeId: "n2" }];
    const [placement] = planOf({ nodes: [1, 2, 3, 4].map((pk) => aNode(pk)), jobs: [aJob({ tasks })] });
    expect(placement?.nodePk).toBe(2);
    expect(new Set([placement?.nodePk, ...(placement?.others ?? [])]).size).toBe(3);
  });

  test("that does not fit yet is left the free nodes, whatever waits behind it", () => {
    const jobs = [aJob({ tasks: [aGang(1, 3), aTask(2), aGang(3, 2)] })];
    expect(planOf({ nodes: [aNode(1), aNode(2)], jobs })).toEqual([]);
  });

  test("that the pool can never serve holds up nobody", () => {
    const jobs = [aJob({ tasks: [aGang(1, 3), aTask(2)] })];
    expect(placedTasks(planOf({ nodes: [aNode(1), aNode(2)], jobs, gangNodes: 2 }))).toEqual([2]);
    expect(placedTasks(planOf({ nodes: [aNode(1)], jobs: [aJob({ tasks: [aGang(1, 1)] })], gangNodes: 0 }))).toEqual(
      [],
    );
  });

  test("leaves to others the nodes that it cannot use itself", () => {
    const jobs = [
      aJob({ jobPk: 1, tasks: [aGang(1, 3)], closedNodePks: [1] }),
      aJob({ jobPk: 2, tasks: [aTask(2), aTask(3)] }),
    ];
    expect(planOf({ nodes: [aNode(1), aNode(2)], jobs })).toMatchObject([{ taskPk: 2, nodePk: 1 }]);
  });

  test("waits behind a job of higher priority, and not behind one that was served after its own", () => {
    const gang = aJob({ jobPk: 2, turnTime: 1, tasks: [aGang(21, 2)] });
    const many = aJob({ jobPk: 1, turnTime: 2, tasks: [aTask(11), aTask(12)] });
    expect(planOf({ nodes: [aNode(1)], jobs: [many, gang] })).toEqual([]);
    expect(placedTasks(planOf({ nodes: [aNode(1)], jobs: [{ ...many, turnTime: 0 }, gang] }))).toEqual([11]);
    expect(placedTasks(planOf({ nodes: [aNode(1)], jobs: [{ ...many, priority: 1 }, gang] }))).toEqual([11]);
  });
});

describe("preemption", () => {
  test("a task takes the slots of a running one of lower priority: the lowest and latest first", () => {
    const preemptible = [running(91, -5, 1), running(92, 0, 2)];
    const jobs = [aJob({ priority: 1, tasks: [aTask(1)] })];
    expect(planOf({ nodes: [busy(1), busy(2)], jobs, preemptible })).toEqual([
      { taskPk: 1, jobPk: 1, nodePk: 1, requiredSlots: 1, preempts: [91] },
    ]);
  });

  test("nobody leaves for a task of the same priority, or while there is room elsewhere", () => {
    const preemptible = [running(91, 0, 1)];
    expect(planOf({ nodes: [busy(1)], jobs: [aJob({ tasks: [aTask(1)] })], preemptible })).toEqual([]);
    const jobs = [aJob({ priority: 1, tasks: [aTask(1)] })];
    expect(planOf({ nodes: [busy(1), aNode(2)], jobs, preemptible })).toEqual([
      { taskPk: 1, jobPk: 1, nodePk: 2, requiredSlots: 1 },
    ]);
  });

  test("no more leave than needed, and none when they cannot make enough room", () => {
    const nodes = [aNode(1, { slots: 4, freeSlots: 1 })];
    const preemptible = [
      { taskPk: 91, priority: 0, places: [{ nodePk: 1, slots: 1 }] },
      { taskPk: 92, priority: 0, places: [{ nodePk: 1, slots: 2 }] },
    ];
    const wanting = (requiredSlots: number) => [aJob({ priority: 1, tasks: [aTask(1, { requiredSlots })] })];
    expect(planOf({ nodes, jobs: wanting(3), preemptible })[0]?.preempts).toEqual([92]);
    expect(planOf({ nodes, jobs: wanting(4), preemptible })[0]?.preempts).toEqual([92, 91]);
    expect(planOf({ nodes, jobs: wanting(5), preemptible })).toEqual([]);
  });

  test("a multi-instance task makes room for itself, and another one leaves as a whole", () => {
    const jobs = [aJob({ priority: 1, tasks: [aGang(1, 3), aTask(2)] })];
    const preemptible = [running(91, 0, 2, 3), running(92, 0, 4)];
    const placements = planOf({ nodes: [aNode(1), busy(2), busy(3), busy(4)], jobs, preemptible });
    expect(placements).toMatchObject([
      { taskPk: 1, preempts: [91] },
      { taskPk: 2, nodePk: 4, preempts: [92] },
    ]);
  });

  test("a job gets no more by it than it may run at once", () => {
    const jobs = [aJob({ priority: 1, headroom: 1, tasks: [aTask(1), aTask(2)] })];
    expect(
      planOf({ nodes: [busy(1), busy(2)], jobs, preemptible: [running(91, 0, 1), running(92, 0, 2)] }),
    ).toHaveLength(1);
  });
});

const pools: fc.Arbitrary<PoolSnapshot> = fc
  .record({
    isFree: fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
    preemptible: fc.array(
      fc.record({ priority: fc.integer({ min: -2, max: 1 }), width: fc.integer({ min: 1, max: 3 }) }),
    ),
    jobs: fc.array(
      fc.record({
        priority: fc.integer({ min: -2, max: 2 }),
        turnTime: fc.option(fc.nat(5), { nil: undefined }),
        closed: fc.uniqueArray(fc.nat(9), { maxLength: 2 }),
        instances: fc.array(fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }), { maxLength: 8 }),
      }),
      { maxLength: 4 },
    ),
  })
  .map(({ isFree, preemptible, jobs }) => {
    const taken = isFree.flatMap((free, nodePk) => (free ? [] : [nodePk]));
    return aPool({
      nodes: isFree.map((free, nodePk) => (free ? aNode(nodePk) : busy(nodePk))),
      gangNodes: isFree.length,
      preemptible: preemptible.flatMap(({ priority, width }, index) => {
        const nodePks = taken.splice(0, width);
        return nodePks.length === 0 ? [] : [running(1000 + index, priority, ...nodePks)];
      }),
      jobs: jobs.map(({ priority, turnTime, closed, instances }, jobPk) => ({
        jobPk,
        priority,
        closedNodePks: closed.filter((nodePk) => nodePk < isFree.length),
        ...(turnTime === undefined ? {} : { turnTime }),
        tasks: instances.map((count, index) =>
          count === undefined ? aTask(jobPk * 100 + index) : aGang(jobPk * 100 + index, count),
        ),
      })),
    });
  });

const nodesOf = ({ nodePk, others = [] }: Placement) => [nodePk, ...others];
const jobOf = (pool: PoolSnapshot, { jobPk }: Placement) => pool.jobs.find((job) => job.jobPk === jobPk);
const taskOf = (pool: PoolSnapshot, placement: Placement) =>
  jobOf(pool, placement)?.tasks.find(({ taskPk }) => taskPk === placement.taskPk);

describe("properties of every plan with multi-instance tasks and preemption", () => {
  test("all or none of the instances are placed, each node is used once, and only where it was free or made free", () => {
    fc.assert(
      fc.property(pools, (pool) => {
        const placements = plan({ pools: [pool] });
        for (const placement of placements) {
          expect(nodesOf(placement)).toHaveLength(taskOf(pool, placement)?.instances ?? 1);
          for (const nodePk of nodesOf(placement)) expect(jobOf(pool, placement)?.closedNodePks).not.toContain(nodePk);
        }
        const used = placements.flatMap(nodesOf);
        expect(new Set(used).size).toBe(used.length);
        const preempted = new Set(placements.flatMap(({ preempts = [] }) => preempts));
        const freed = (pool.preemptible ?? [])
          .filter(({ taskPk }) => preempted.has(taskPk))
          .flatMap(({ places }) => places);
        const room = new Set([
          ...pool.nodes.filter(({ freeSlots }) => freeSlots > 0).map(({ nodePk }) => nodePk),
          ...freed.map(({ nodePk }) => nodePk),
        ]);
        for (const nodePk of used) expect(room).toContain(nodePk);
      }),
    );
  });

  test("nobody leaves twice, or for a task of equal or lower priority, or without that task getting one of its nodes", () => {
    fc.assert(
      fc.property(pools, (pool) => {
        const placements = plan({ pools: [pool] });
        const preempted = placements.flatMap(({ preempts = [] }) => preempts);
        expect(new Set(preempted).size).toBe(preempted.length);
        for (const placement of placements)
          for (const taskPk of placement.preempts ?? []) {
            const victim = pool.preemptible?.find((each) => each.taskPk === taskPk);
            expect(victim?.priority).toBeLessThan(jobOf(pool, placement)?.priority ?? 0);
            expect(victim?.places.some(({ nodePk }) => nodesOf(placement).includes(nodePk))).toBe(true);
          }
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
});

/** Runs plans round after round: every task that runs ends after some rounds, and jobs take turns as in the service. */
function roundsUntilDone(nodeCount: number, given: readonly JobSnapshot[], lasts: (taskPk: number) => number): number {
  const isBusyUntil = new Map<number, number>();
  const turns = new Map<number, number>();
  let waiting = given;
  for (let round = 1; round <= 2000; round++) {
    const isFree = (nodePk: number) => (isBusyUntil.get(nodePk) ?? 0) <= round;
    const nodes = [...Array(nodeCount).keys()].filter(isFree).map((nodePk) => aNode(nodePk));
    const jobs = waiting.map((job) => ({ ...job, turnTime: turns.get(job.jobPk) ?? 0 }));
    const placements = planOf({ nodes, jobs, gangNodes: nodeCount });
    for (const placement of placements) {
      for (const nodePk of nodesOf(placement)) isBusyUntil.set(nodePk, round + lasts(placement.taskPk));
      if (placement.isTurn) turns.set(placement.jobPk, round);
    }
    const placed = new Set(placedTasks(placements));
    waiting = waiting.map((job) => ({ ...job, tasks: job.tasks.filter(({ taskPk }) => !placed.has(taskPk)) }));
    if (waiting.every(({ tasks }) => tasks.length === 0)) return round;
    if (waiting.every(({ tasks }) => !tasks.some(({ instances }) => instances !== undefined))) return round;
  }
  return Number.POSITIVE_INFINITY;
}

describe("waiting comes to an end", () => {
  test("every gang runs although other jobs of the same priority never run out of small tasks", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 7, maxLength: 7 }),
        fc.boolean(),
        (nodeCount, sizes, durations, isFirst) => {
          const gangs = sizes.map((size, index) => aGang(10_000 + index, Math.min(size, nodeCount)));
          const small = [...Array(3000).keys()].map((taskPk) => aTask(taskPk));
          const jobs = [aJob({ jobPk: isFirst ? 1 : 3, tasks: gangs }), aJob({ jobPk: 2, tasks: small })].sort(
            (one, other) => one.jobPk - other.jobPk,
          );
          const rounds = roundsUntilDone(nodeCount, jobs, (taskPk) => durations[taskPk % 7] ?? 1);
          expect(rounds).toBeLessThan(20 * (sizes.length + 1));
        },
      ),
      { numRuns: 50 },
    );
  });
});
