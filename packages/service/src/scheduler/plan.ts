import { type ClosedNodes, isHopeless } from "./eligibility.ts";
import { FreeNodes } from "./free-nodes.ts";
import { hasGang, inOrder, type OrderedTask, type Sharing } from "./order.ts";
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
  return snapshot.pools.flatMap((pool) => planPool(pool));
}

/** The plan for one pool. Where a job has more tasks than the snapshot shows, those of lower priority wait for them. */
export function planPool(pool: PoolSnapshot, sharing: Sharing = "slots"): Placement[] {
  const room = { nodes: new FreeNodes(pool.nodes, pool.fillType), preemption: new Preemption(pool.preemptible ?? []) };
  const headroom = new Map(pool.jobs.map((job) => [job.jobPk, job.headroom ?? Number.POSITIVE_INFINITY]));
  const closed = new Map(pool.jobs.map((job) => [job.jobPk, new Set(job.closedNodePks)]));
  const unplaced = new Map(pool.jobs.map((job) => [job.jobPk, job.tasks.length]));
  const hasMore = new Set(pool.jobs.flatMap((job) => (job.hasMore ? [job.jobPk] : [])));
  const isTurn = pool.jobs.some(hasGang);
  const placements: Placement[] = [];
  let isHeld = false;
  let leastPriority = Number.NEGATIVE_INFINITY;
  for (const task of inOrder(pool.jobs, pool.jobOrder, sharing)) {
    if (task.priority < leastPriority) break;
    if (room.nodes.isFull && !room.preemption.isPossibleFor(task)) break;
    const left = headroom.get(task.jobPk) ?? 0;
    const shut = closed.get(task.jobPk) ?? none;
    if (left <= 0 || isHopeless(task, (pool.gangNodes ?? 0) - shut.size)) continue;
    const place = takeRoom(task, room, shut);
    if (place) {
      headroom.set(task.jobPk, left - 1);
      unplaced.set(task.jobPk, (unplaced.get(task.jobPk) ?? 0) - 1);
      if (unplaced.get(task.jobPk) === 0 && hasMore.has(task.jobPk)) leastPriority = task.priority;
      placements.push({ ...placement(task, place), ...(isTurn ? { isTurn } : {}) });
    } else if (!isHeld && task.instances !== undefined) {
      isHeld = true;
      room.nodes.hold(task, shut);
      room.preemption.end();
    }
  }
  return placements;
}

const none: ClosedNodes = new Set();

interface Room {
  readonly nodes: FreeNodes;
  readonly preemption: Preemption;
}

interface Place {
  readonly nodePks: readonly [number, ...number[]];
  readonly preempted: readonly RunningTask[];
}

function takeRoom(task: OrderedTask, { nodes, preemption }: Room, closed: ClosedNodes): Place | undefined {
  const free = nodes.take(task, closed);
  if (free) return { nodePks: free, preempted: [] };
  const preempted = preemption.isPossibleFor(task) ? preemption.makeRoom(task, nodes, closed) : undefined;
  const nodePks = preempted && nodes.take(task, closed);
  return preempted && nodePks ? { nodePks, preempted } : undefined;
}

function placement(task: OrderedTask, { nodePks: [nodePk, ...others], preempted }: Place): Placement {
  return {
    taskPk: task.taskPk,
    jobPk: task.jobPk,
    nodePk,
    requiredSlots: task.requiredSlots,
    ...(task.isExclusive ? { isExclusive: true } : {}),
    ...(task.instances === undefined ? {} : { others }),
    ...(preempted.length === 0 ? {} : { preempts: preempted.map(({ taskPk }) => taskPk) }),
  };
}
