import { mostCommunicatingNodes } from "../domain/pool/allocation.ts";
import type { NodeSnapshot, WaitingTask } from "./snapshot.ts";

/** Nodes that take no task of a job. */
export type ClosedNodes = ReadonlySet<number>;

/** What a node has, and what of it is free. */
export interface NodeWithRoom extends Pick<NodeSnapshot, "nodePk" | "slots" | "isDedicated"> {
  readonly free: number;
}

/** Whether a node may run the task as soon as it has room. */
export function isOpen(
  node: Pick<NodeSnapshot, "nodePk" | "isDedicated">,
  task: WaitingTask,
  closed: ClosedNodes,
): boolean {
  return !closed.has(node.nodePk) && isOfKind(node, task);
}

/** Whether a node is of a kind that the task takes. */
export function isOfKind({ isDedicated }: Pick<NodeSnapshot, "isDedicated">, { needsDedicated }: WaitingTask): boolean {
  return !(needsDedicated && isDedicated === false);
}

/** Whether a node with enough slots may run the task. */
export function suits(node: NodeWithRoom, task: WaitingTask, closed: ClosedNodes): boolean {
  return isOpen(node, task, closed) && (!task.isExclusive || node.free === node.slots);
}

/** Whether a multi-instance task needs more nodes than its job can ever have here now. */
export function isHopeless({ instances }: Pick<WaitingTask, "instances">, gangNodes: number): boolean {
  return instances !== undefined && instances > gangNodes;
}

/** What bounds the tasks of a pool, however many nodes it gets. */
export interface PoolShape {
  readonly enableInterNodeCommunication: boolean;
  readonly taskSlotsPerNode: number;
  /** Of the node with most: those of one that is there may differ from those of one to come. */
  readonly largestNode: number;
}

/** Why a pool can never run a task, with any number of nodes. */
export type Unsatisfiable =
  | { readonly kind: "tooLarge"; readonly requiredSlots: number; readonly largestNode: number }
  | { readonly kind: "noCommunication"; readonly instances: number }
  | { readonly kind: "tooManyInstances"; readonly instances: number; readonly mostNodes: number };

/** After what a task needs: what its pool has. */
export function unsatisfiableText(reason: Unsatisfiable): string {
  switch (reason.kind) {
    case "tooLarge":
      return `It needs ${reason.requiredSlots} slots and the largest node of the pool has ${reason.largestNode}, so it can never run there`;
    case "noCommunication":
      return `It needs ${reason.instances} nodes at once, and the pool has no inter-node communication with one slot for each node, so it can never run there`;
    case "tooManyInstances":
      return `It needs ${reason.instances} nodes at once, and a pool with inter-node communication has ${reason.mostNodes} at most, so it can never run there`;
  }
}

/** Undefined while the task may find its place, now or later. */
export function unsatisfiable(
  { requiredSlots, instances }: { readonly requiredSlots: number; readonly instances: number | null },
  pool: PoolShape,
): Unsatisfiable | undefined {
  const largestNode = Math.max(pool.largestNode, pool.taskSlotsPerNode);
  if (requiredSlots > largestNode) return { kind: "tooLarge", requiredSlots, largestNode };
  if (instances === null) return undefined;
  if (!pool.enableInterNodeCommunication || pool.taskSlotsPerNode !== 1) return { kind: "noCommunication", instances };
  if (instances > mostCommunicatingNodes)
    return { kind: "tooManyInstances", instances, mostNodes: mostCommunicatingNodes };
  return undefined;
}
