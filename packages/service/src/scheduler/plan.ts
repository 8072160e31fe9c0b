import { inOrder, type OrderedTask } from "./order.ts";
import type { NodeSnapshot, Placement, PoolSnapshot, Snapshot } from "./snapshot.ts";

/**
 * Places waiting tasks on nodes with room, pool by pool. The same snapshot gives the same plan, and no plan takes more
 * slots of a node than are free. A task that fits nowhere does not hold up smaller ones behind it.
 */
export function plan(snapshot: Snapshot): Placement[] {
  return snapshot.pools.flatMap(planPool);
}

function planPool(pool: PoolSnapshot): Placement[] {
  const nodes = new FreeNodes(pool.nodes, pool.fillType);
  const headroom = new Map(pool.jobs.map((job) => [job.jobPk, job.headroom ?? Number.POSITIVE_INFINITY]));
  const placements: Placement[] = [];
  for (const task of inOrder(pool.jobs)) {
    if (nodes.isFull) break;
    const left = headroom.get(task.jobPk) ?? 0;
    const nodePk = left > 0 ? nodes.take(task) : undefined;
    if (nodePk === undefined) continue;
    headroom.set(task.jobPk, left - 1);
    placements.push({ taskPk: task.taskPk, jobPk: task.jobPk, nodePk });
  }
  return placements;
}

interface FreeNode extends NodeSnapshot {
  free: number;
}

/** The room left while a plan is made: nodes by how many slots they have free, so that a choice costs no search. */
class FreeNodes {
  readonly #buckets: FreeNode[][] = [];
  readonly #byId: ReadonlyMap<string, FreeNode>;
  readonly #fillType: "pack" | "spread";
  #freeSlots = 0;

  constructor(nodes: readonly NodeSnapshot[], fillType: "pack" | "spread") {
    const free = nodes.map((node) => ({ ...node, free: node.freeSlots }));
    this.#fillType = fillType;
    this.#byId = new Map(free.map((node) => [node.nodeId, node]));
    for (const node of free.reverse()) this.#put(node);
    this.#freeSlots = free.reduce((total, node) => total + node.free, 0);
  }

  get isFull(): boolean {
    return this.#freeSlots === 0;
  }

  /** Takes the task's slots on the best node; undefined when it fits nowhere. */
  take(task: OrderedTask): number | undefined {
    const node = this.#wished(task) ?? this.#best(task.requiredSlots);
    if (!node) return undefined;
    this.#remove(node);
    node.free -= task.requiredSlots;
    this.#freeSlots -= task.requiredSlots;
    this.#put(node);
    return node.nodePk;
  }

  #wished(task: OrderedTask): FreeNode | undefined {
    const node = task.affinityNodeId === undefined ? undefined : this.#byId.get(task.affinityNodeId);
    return node && node.free >= task.requiredSlots ? node : undefined;
  }

  /** `pack` takes the fullest node that has room, `spread` the emptiest. */
  #best(requiredSlots: number): FreeNode | undefined {
    const most = this.#buckets.length - 1;
    for (let step = 0; step <= most - requiredSlots; step++) {
      const free = this.#fillType === "pack" ? requiredSlots + step : most - step;
      const node = this.#buckets[free]?.at(-1);
      if (node) return node;
    }
    return undefined;
  }

  #put(node: FreeNode): void {
    const bucket = this.#buckets[node.free] ?? [];
    bucket.push(node);
    this.#buckets[node.free] = bucket;
  }

  #remove(node: FreeNode): void {
    const bucket = this.#buckets[node.free];
    bucket?.splice(bucket.lastIndexOf(node), 1);
  }
}
