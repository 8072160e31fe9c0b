import { type ClosedNodes, isOpen, suits } from "./eligibility.ts";
import type { OrderedTask } from "./order.ts";
import type { NodeSnapshot } from "./snapshot.ts";

interface FreeNode extends NodeSnapshot {
  free: number;
}

/** The room left while a plan is made: nodes by how many slots they have free, so that a choice costs no search. */
export class FreeNodes {
  readonly #buckets: FreeNode[][] = [];
  readonly #byId: ReadonlyMap<string, FreeNode>;
  /** Made when it is needed: most plans need none. */
  #nodesByPk: ReadonlyMap<number, FreeNode> | undefined;
  readonly #fillType: "pack" | "spread";
  #freeSlots = 0;

  constructor(nodes: readonly NodeSnapshot[], fillType: "pack" | "spread") {
    const free = nodes.map((node) => ({ ...node, free: node.freeSlots }));
    this.#fillType = fillType;
    this.#byId = new Map(free.map((node) => [node.nodeId, node]));
    for (const node of free.reverse()) this.#put(node);
  }

  get isFull(): boolean {
    return this.#freeSlots === 0;
  }

  /**
   * Takes what the task needs: slots of the best node, or as many whole nodes as it has instances.
   * @returns the nodes, the primary instance's first; undefined when it fits nowhere
   */
  take(task: OrderedTask, closed: ClosedNodes): readonly [number, ...number[]] | undefined {
    if (task.instances !== undefined) return this.#takeWhole(task, task.instances, closed);
    const node = this.#wished(task, closed) ?? this.#best(task, closed);
    if (!node) return undefined;
    this.#change(node, task.isExclusive ? -node.slots : -task.requiredSlots);
    return [node.nodePk];
  }

  /** Reserves the free nodes that a multi-instance task could use. */
  hold(task: OrderedTask, closed: ClosedNodes): void {
    for (const node of this.#whole(task, closed)) this.#change(node, -node.free);
  }

  /** How many whole nodes a multi-instance task could have. */
  countWhole(task: OrderedTask, closed: ClosedNodes): number {
    return this.#whole(task, closed).length;
  }

  /** The node, when it may run the task as soon as it has room. */
  find(nodePk: number, task: OrderedTask, closed: ClosedNodes): Readonly<FreeNode> | undefined {
    const node = this.#byPk.get(nodePk);
    return node && isOpen(node, task, closed) ? node : undefined;
  }

  /** Returns the slots of a running task that has to make room. */
  release(nodePk: number, slots: number): void {
    const node = this.#byPk.get(nodePk);
    if (node) this.#change(node, slots);
  }

  get #byPk(): ReadonlyMap<number, FreeNode> {
    this.#nodesByPk ??= new Map([...this.#byId.values()].map((node) => [node.nodePk, node]));
    return this.#nodesByPk;
  }

  #takeWhole(task: OrderedTask, instances: number, closed: ClosedNodes): readonly [number, ...number[]] | undefined {
    const whole = this.#whole(task, closed);
    const wished = whole.find(({ nodeId }) => nodeId === task.affinityNodeId);
    const [primary, ...others] = wished ? [wished, ...whole.filter((node) => node !== wished)] : whole;
    if (!primary || whole.length < instances) return undefined;
    const rest = others.slice(0, instances - 1);
    for (const node of [primary, ...rest]) this.#change(node, -node.free);
    return [primary.nodePk, ...rest.map(({ nodePk }) => nodePk)];
  }

  #whole(task: OrderedTask, closed: ClosedNodes): FreeNode[] {
    return [...this.#byId.values()].filter((node) => node.free === node.slots && isOpen(node, task, closed));
  }

  #wished(task: OrderedTask, closed: ClosedNodes): FreeNode | undefined {
    const node = task.affinityNodeId === undefined ? undefined : this.#byId.get(task.affinityNodeId);
    return node && node.free >= task.requiredSlots && suits(node, task, closed) ? node : undefined;
  }

  /** `pack` takes the fullest node that has room, `spread` the emptiest. */
  #best(task: OrderedTask, closed: ClosedNodes): FreeNode | undefined {
    const most = this.#buckets.length - 1;
    for (let step = 0; step <= most - task.requiredSlots; step++) {
      const free = this.#fillType === "pack" ? task.requiredSlots + step : most - step;
      const node = this.#buckets[free]?.findLast((each) => suits(each, task, closed));
      if (node) return node;
    }
    return undefined;
  }

  #change(node: FreeNode, slots: number): void {
    this.#remove(node);
    node.free += slots;
    this.#put(node);
  }

  #put(node: FreeNode): void {
    const bucket = this.#buckets[node.free] ?? [];
    bucket.push(node);
    this.#buckets[node.free] = bucket;
    this.#freeSlots += Math.max(0, node.free);
  }

  #remove(node: FreeNode): void {
    const bucket = this.#buckets[node.free];
    bucket?.splice(bucket.lastIndexOf(node), 1);
    this.#freeSlots -= Math.max(0, node.free);
  }
}
