import type { NodeSnapshot, Placement } from "./snapshot.ts";

interface SentTask {
  readonly jobPk: number;
  readonly slots: number;
}

interface SentNode {
  /** In the order in which they begin. */
  readonly tasks: SentTask[];
  /** When the node was last looked at; in milliseconds. */
  seen: number;
}

/**
 * Which jobs have tasks on nodes that wait there for a free slot. Such a task holds slots, as far as the database
 * knows, but its job has not got them yet. The nodes themselves are not asked: tasks begin in the order in which they
 * were sent, and a snapshot tells how many slots of a node are promised and not free.
 */
export class SentAhead {
  readonly #nodes = new Map<number, SentNode>();
  readonly #slots = new Map<number, number>();

  /** Slots for which tasks of the job wait on nodes. */
  slotsOf(jobPk: number): number {
    return this.#slots.get(jobPk) ?? 0;
  }

  /** Notes tasks that were sent to nodes that have no free slot for them. */
  add(placements: readonly Placement[], now: number): void {
    for (const { jobPk, nodePk, requiredSlots, beyond } of placements) {
      if (beyond === undefined) continue;
      const node = this.#nodes.get(nodePk) ?? { tasks: [], seen: now };
      node.tasks.push({ jobPk, slots: requiredSlots });
      this.#nodes.set(nodePk, node);
      this.#count(jobPk, requiredSlots);
    }
  }

  /** Forgets the tasks that have begun since, or will not begin. */
  look(nodes: readonly NodeSnapshot[], now: number): void {
    for (const { nodePk, freeSlots } of nodes) {
      const node = this.#nodes.get(nodePk);
      if (!node) continue;
      node.seen = now;
      this.#forget(nodePk, node, begunOf(node.tasks, -freeSlots));
    }
  }

  /** Forgets nodes that were not looked at since then: they are gone, or another server looks after them. */
  forgetBefore(time: number): void {
    for (const [nodePk, node] of this.#nodes) if (node.seen < time) this.#forget(nodePk, node, node.tasks.length);
  }

  #forget(nodePk: number, { tasks }: SentNode, first: number): void {
    for (const { jobPk, slots } of tasks.splice(0, first)) this.#count(jobPk, -slots);
    if (tasks.length === 0) this.#nodes.delete(nodePk);
  }

  #count(jobPk: number, slots: number): void {
    const sum = this.slotsOf(jobPk) + slots;
    if (sum > 0) this.#slots.set(jobPk, sum);
    else this.#slots.delete(jobPk);
  }
}

/** How many of the first are not among the last that so many slots are for. */
function begunOf(tasks: readonly SentTask[], slots: number): number {
  let left = slots;
  const last = tasks.findLastIndex((task) => {
    left -= task.slots;
    return left < 0;
  });
  return last + 1;
}
