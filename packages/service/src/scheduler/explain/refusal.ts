import { isOfKind, isOpen } from "../eligibility.ts";
import { planPool } from "../plan.ts";
import type { JobSnapshot, NodeSnapshot, PoolSnapshot, WaitingTask } from "../snapshot.ts";

/** Why the planner leaves a task waiting: the first of what stands in its way. */
export type Refusal =
  /** As many tasks of its job run as may at once. */
  | { readonly kind: "jobLimit" }
  /** No node takes tasks. */
  | { readonly kind: "noNode" }
  /** Not even an empty node has slots enough. */
  | { readonly kind: "tooLarge"; readonly requiredSlots: number; readonly largestNode: number }
  /** It may run on dedicated nodes only, and there is none that takes tasks. */
  | { readonly kind: "notDedicated" }
  /** The preparation of its job has failed on every node that it could have. */
  | { readonly kind: "closed"; readonly nodes: number }
  /** It needs more whole nodes than there are for it. */
  | { readonly kind: "tooFewNodes"; readonly instances: number; readonly nodes: number }
  /** The slots that it needs are taken. */
  | {
      readonly kind: "noRoom";
      readonly requiredSlots: number;
      readonly largestRoom: number;
      readonly wholeNodes: number;
    }
  /** There is room, but for tasks whose turn it is before. */
  | { readonly kind: "behindOthers" };

/** A waiting task with what its job says of it; the tasks of the job do not matter here. */
export interface Waiter {
  readonly job: Omit<JobSnapshot, "tasks">;
  readonly task: WaitingTask;
}

/**
 * Why the planner would not place a task; undefined exactly when it would. Each answer is a plan for less than the pool:
 * for the task alone on empty nodes, and then alone on the nodes as they are.
 * @param pool with all nodes that may take tasks, as far as they matter, and the jobs as the planner reads them
 */
export function whyNotPlaced(pool: PoolSnapshot, { job, task }: Waiter): Refusal | undefined {
  if (isPlaced(pool, task)) return undefined;
  if (job.headroom !== undefined && job.headroom <= 0) return { kind: "jobLimit" };
  if (pool.nodes.length === 0) return { kind: "noNode" };
  const alone = { ...pool, jobs: [{ ...job, hasMore: false, tasks: [task] }] };
  const emptied = pool.nodes.map((node) => ({ ...node, freeSlots: node.slots }));
  if (!isPlaced({ ...alone, nodes: emptied, preemptible: [] }, task)) return unsuitable(pool, { job, task });
  if (!isPlaced(alone, task)) return noRoom(pool, { job, task });
  return { kind: "behindOthers" };
}

function isPlaced(pool: PoolSnapshot, { taskPk }: WaitingTask): boolean {
  return planPool(pool).some((placement) => placement.taskPk === taskPk);
}

const closedNodes = ({ closedNodePks }: Pick<JobSnapshot, "closedNodePks">) => new Set(closedNodePks);

/** Why it fits on no node, however empty. */
function unsuitable({ nodes, gangNodes = 0 }: PoolSnapshot, { job, task }: Waiter): Refusal {
  const closed = closedNodes(job);
  const largestNode = Math.max(...nodes.map(({ slots }) => slots));
  const large = nodes.filter(({ slots }) => slots >= task.requiredSlots);
  const ofKind = large.filter((node) => isOfKind(node, task));
  const open = ofKind.filter((node) => isOpen(node, task, closed));
  if (large.length === 0) return { kind: "tooLarge", requiredSlots: task.requiredSlots, largestNode };
  if (ofKind.length === 0) return { kind: "notDedicated" };
  if (open.length === 0) return { kind: "closed", nodes: ofKind.length };
  return { kind: "tooFewNodes", instances: task.instances ?? 1, nodes: Math.max(0, gangNodes - closed.size) };
}

function noRoom({ nodes }: PoolSnapshot, { job, task }: Waiter): Refusal {
  const closed = closedNodes(job);
  const open = nodes.filter((node) => isOpen(node, task, closed));
  return {
    kind: "noRoom",
    requiredSlots: task.requiredSlots,
    largestRoom: Math.max(0, ...open.map(({ freeSlots }) => freeSlots)),
    wholeNodes: open.filter(isWhole).length,
  };
}

const isWhole = ({ freeSlots, slots }: NodeSnapshot) => freeSlots === slots;
