import type { ComputeNodeState, SchedulingState } from "@kyanite/contract";
import { type Node, schedulableStates } from "../../domain/node/node.ts";
import type { AutoScale } from "../../domain/pool/auto-scale.ts";
import type { Pool } from "../../domain/pool/pool.ts";

/** Nodes of a pool that are in the same state. */
export interface NodeGroup {
  readonly state: ComputeNodeState;
  readonly schedulingState: SchedulingState;
  /** Whether they are about to restart, or to be released. */
  readonly isToAct: boolean;
  readonly nodes: number;
  readonly slots: number;
  readonly freeSlots: number;
  /** When the first of them came into the state. */
  readonly since: Date;
  /** The first of them, in the order of their ids. */
  readonly nodeId: string;
}

/** What is known of a pool by its explanations. */
export interface PoolFacts {
  readonly pool: Pool;
  readonly groups: readonly NodeGroup[];
  readonly autoScale: AutoScale | undefined;
  readonly largestNode: number;
  readonly creation: CreationFacts;
}

/** Of nodes that are being made. */
export interface CreationFacts {
  /** When the first of them was asked for. */
  readonly since: Date | null;
  /** Why one of them is not there yet, or why its provider has failed to make it. */
  readonly reason: string | null;
  readonly startFailures: number;
  /** How long nodes of this size took of late, from being asked for until their agents were there. */
  readonly usualSeconds: number | null;
}

/** The same as `mayTakeTasks` of the store, for nodes that have been read. */
export function takesTasks({
  state,
  schedulingState,
  isToAct,
}: Omit<NodeGroup, "nodes" | "slots" | "nodeId">): boolean {
  return schedulableStates.includes(state) && schedulingState === "enabled" && !isToAct;
}

/** A node as a group of one. */
export function groupOf(node: Node): NodeGroup {
  return {
    state: node.state,
    schedulingState: node.schedulingState,
    isToAct: node.pendingAction !== null,
    nodes: 1,
    slots: node.slots,
    freeSlots: Math.max(0, node.slots - node.usedSlots),
    since: node.stateTransitionTime,
    nodeId: node.id,
  };
}

export const total = (groups: readonly NodeGroup[], of: (group: NodeGroup) => number) =>
  groups.reduce((sum, group) => sum + of(group), 0);
