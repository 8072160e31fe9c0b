import { type ClosedNodes, FreeNodes } from "./free-nodes.ts";
import { hasGang, inOrder, type OrderedTask } from "./order.ts";
import { Preemption } from "./preemption.ts";
import type { Placement, PoolSnapshot, RunningTask, Snapshot } from "./snapshot.ts";

/**
 * Places waiting tasks on nodes with room, pool by pool. The same snapshot gives the same plan, and no plan takes more
 * slots of a node than are free or made free. A task that fits nowhere does not hold up smaller ones behind it; but
 * the first multi-instance task that does not fit yet, in a pool that has nodes enough, is left all that it could use
 * of the free ones, so that its nodes come together as others end. No more than one does so at a time, and none
 * holds what it does not need for itself: such tasks cannot wait for each other.
 */
export function plan(snapshot: Snapshot): Placement[] {
  return snapshot.pools.flatMap(planPool);
}

function planPool(pool: PoolSnapshot): Placement[] {
  const nodes = new FreeNodes(pool.nodes, pool.fillType);
  const preemption = new Preemption(pool.preemptible ?? []);
  const headroom = new Map(pool.jobs.map((job) => [job.jobPk, job.headroom ?? Number.POSITIVE_INFINITY]));
  const closed = new Map(pool.jobs.map((job) => [job.jobPk, new Set(job.closedNodePks)]));
  const isTurn = pool.jobs.some(hasGang);
  const placements: Placement[] = [];
  let isHeld = false;
  for (const task of inOrder(pool.jobs, pool.jobOrder)) {
    if (nodes.isFull && !preemption.isPossible) break;
    const left = headroom.get(task.jobPk) ?? 0;
    const shut = closed.get(task.jobPk) ?? none;
    const isHopeless = task.instances !== undefined && task.instances > (pool.gangNodes ?? 0) - shut.size;
    if (left <= 0 || isHopeless) continue;
    const place = takeRoom(task, nodes, preemption, shut);
    if (place) {
      headroom.set(task.jobPk, left - 1);
      placements.push({ ...placement(task, place), ...(isTurn ? { isTurn } : {}) });
    } else if (!isHeld && task.instances !== undefined) {
      isHeld = true;
      nodes.hold(task, shut);
      preemption.end();
    }
  }
  return placements;
}

const none: ClosedNodes = new Set();

interface Place {
  readonly nodePks: readonly [number, ...number[]];
  readonly preempted: readonly RunningTask[];
}

function takeRoom(task: OrderedTask, nodes: FreeNodes, preemption: Preemption, closed: ClosedNodes): Place | undefined {
  const free = nodes.take(task, closed);
  if (free) return { nodePks: free, preempted: [] };
  const preempted = preemption.isPossible ? preemption.makeRoom(task, nodes, closed) : undefined;
  const nodePks = preempted && nodes.take(task, closed);
  return preempted && nodePks ? { nodePks, preempted } : undefined;
}

function placement(task: OrderedTask, { nodePks: [nodePk, ...others], preempted }: Place): Placement {
  return {
    taskPk: task.taskPk,
    jobPk: task.jobPk,
    nodePk,
    ...(task.isExclusive ? { isExclusive: true } : {}),
    ...(task.instances === undefined ? {} : { others }),
    ...(preempted.length === 0 ? {} : { preempts: preempted.map(({ taskPk }) => taskPk) }),
  };
}
