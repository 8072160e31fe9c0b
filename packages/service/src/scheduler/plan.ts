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
  const closed = new Map(pool.jobs.map((job) => [job.jobPk, new Set(job.closedNodePks)]));
  const placements: Placement[] = [];
  for (const task of inOrder(pool.jobs)) {
    if (nodes.isFull) break;
    const left = headroom.get(task.jobPk) ?? 0;
    const nodePk = left > 0 ? nodes.take(task, closed.get(task.jobPk) ?? none) : undefined;
    if (nodePk === undefined) continue;
    headroom.set(task.jobPk, left - 1);
    const exclusive = task.isExclusive ? { isExclusive: true } : {};
    placements.push({ taskPk: task.taskPk, jobPk: task.jobPk, nodePk, ...exclusive });
  }
  return placements;
}

const none: ReadonlySet<number> = new Set();

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

  /**
   * Takes the task's slots on the best node; undefined when it fits nowhere.
   * @param closed nodes that take no task of its job
   */
  take(task: OrderedTask, closed: ReadonlySet<number>): number | undefined {
    const node = this.#wished(task, closed) ?? this.#best(task, closed);
    if (!node) return undefined;
    const slots = task.isExclusive ? node.slots : task.requiredSlots;
    this.#remove(node);
    node.free -= slots;
    this.#freeSlots -= slots;
    this.#put(node);
    return node.nodePk;
  }

  #wished(task: OrderedTask, closed: ReadonlySet<number>): FreeNode | undefined {
    const node = task.affinityNodeId === undefined ? undefined : this.#byId.get(task.affinityNodeId);
    return node && node.free >= task.requiredSlots && suits(node, task, closed) ? node : undefined;
  }

  /** `pack` takes the fullest node that has room, `spread` the emptiest. */
  #best(task: OrderedTask, closed: ReadonlySet<number>): FreeNode | undefined {
    const most = this.#buckets.length - 1;
    for (let step = 0; step <= most - task.requiredSlots; step++) {
      const free = this.#fillType === "pack" ? task.requiredSlots + step : most - step;
      const node = this.#buckets[free]?.findLast((each) => suits(each, task, closed));
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

/** Whether a node with enough slots may run the task. */
function suits(node: FreeNode, task: OrderedTask, closed: ReadonlySet<number>): boolean {
  if (closed.has(node.nodePk)) return false;
  if (task.needsDedicated && node.isDedicated === false) return false;
  return !task.isExclusive || node.free === node.slots;
}
