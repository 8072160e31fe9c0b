import type { Task } from "../task/task.ts";

/** Slots and tasks that a node gains (or, when negative, loses), and how many of those that ended ran well. */
export interface NodeLoad {
  readonly nodePk: number;
  readonly slots: number;
  readonly tasks: number;
  readonly succeeded?: number;
  /** Tasks that have just been placed there. */
  readonly recent?: readonly number[];
  /** How many of the tasks that leave do not count as run there. */
  readonly uncounted?: number;
}

/** What a task or an instance of one takes of a node that it leaves. */
export type LeavingTask = Pick<Task, "nodePk" | "requiredSlots" | "heldSlots" | "result"> & {
  /** Whether it does not count as run: an instance beside its primary, or a task whose run never began. */
  readonly isUncounted?: boolean;
};

/** What nodes lose when these tasks leave them, in the order in which everybody locks nodes. */
export function loadsOf(tasks: readonly LeavingTask[]): NodeLoad[] {
  const loads = new Map<number, { slots: number; tasks: number; succeeded: number; uncounted: number }>();
  for (const { nodePk, requiredSlots, heldSlots, result, isUncounted } of tasks) {
    if (nodePk === null) continue;
    const load = loads.get(nodePk) ?? { slots: 0, tasks: 0, succeeded: 0, uncounted: 0 };
    load.slots -= heldSlots ?? requiredSlots;
    load.tasks -= 1;
    load.succeeded += result === "success" ? 1 : 0;
    load.uncounted += isUncounted ? 1 : 0;
    loads.set(nodePk, load);
  }
  return [...loads].map(([nodePk, load]) => ({ nodePk, ...load })).sort((one, other) => one.nodePk - other.nodePk);
}
