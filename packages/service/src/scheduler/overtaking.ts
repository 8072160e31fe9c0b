import { isOrdinary } from "./ahead.ts";
import { planPool } from "./plan.ts";
import type { NodeSnapshot, Placement, PoolSnapshot } from "./snapshot.ts";

/** A pool whose nodes have tasks ahead of time, while tasks of higher priority wait. */
export interface OvertakenPool extends Omit<PoolSnapshot, "nodes" | "gangNodes" | "preemptible"> {
  readonly nodes: readonly OvertakenNode[];
}

/** A node that has more tasks than slots. */
export interface OvertakenNode extends NodeSnapshot {
  /** Slots of its tasks of lower priority than the pool's jobs that are looked at, whether they run or wait there. */
  readonly lowerSlots: number;
  /** Slots of its other tasks. */
  readonly otherSlots: number;
}

/**
 * Places waiting tasks on nodes whose next slots would go to tasks of lower priority that wait there already. The agent
 * begins the better ones first; those that are overtaken come back when they have waited for too long.
 * @param placed what is placed in free slots at the same time
 */
export function planOvertaking(pools: readonly OvertakenPool[], placed: readonly Placement[]): Placement[] {
  const isPlaced = new Set(placed.map(({ taskPk }) => taskPk));
  return pools.flatMap((pool) => {
    const nodes = pool.nodes.map((node) => ({ ...node, freeSlots: roomBefore(node) }));
    const jobs = pool.jobs.map((job) => ({
      ...job,
      tasks: job.tasks.filter((task) => isOrdinary(task) && !isPlaced.has(task.taskPk)),
    }));
    const beyond = new Map(pool.nodes.map((node) => [node.nodePk, roomBefore(node) - node.freeSlots]));
    return planPool({ ...pool, nodes, jobs }).map((placement) => ({
      ...placement,
      beyond: beyond.get(placement.nodePk) ?? 0,
    }));
  });
}

/** A node may have two sets of better tasks: one for its next free slots, and one that waits behind it. */
function roomBefore({ slots, lowerSlots, otherSlots }: OvertakenNode): number {
  return Math.max(0, Math.min(lowerSlots, 2 * slots) - otherSlots);
}
