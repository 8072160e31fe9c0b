import type { AllocationState, BatchPoolIdentity, PoolAddParameter, PoolState } from "@kyanite/contract";
import type { Tags } from "../tags.ts";
import { requiredState, type Transitions } from "../transitions.ts";

/** A pool's request body with the documented defaults filled in. */
export type PoolSpec = PoolAddParameter & PoolIdentity;

/** What only the management plane can give a pool. */
export type PoolIdentity = { readonly identity?: BatchPoolIdentity | undefined };

export interface ResizeError {
  readonly code: string;
  readonly message: string;
  readonly values: readonly { readonly name: string; readonly value: string }[];
}

export interface Pool {
  readonly pk: number;
  readonly accountPk: number;
  readonly key: string;
  readonly id: string;
  readonly etag: string;
  readonly lastModified: Date;
  readonly creationTime: Date;
  readonly state: PoolState;
  readonly stateTransitionTime: Date;
  readonly allocationState: AllocationState;
  readonly allocationStateTransitionTime: Date;
  readonly vmSize: string;
  /** Of a node of this size. */
  readonly cores: number;
  readonly enableAutoScale: boolean;
  readonly enableInterNodeCommunication: boolean;
  readonly targetDedicatedNodes: number;
  readonly targetLowPriorityNodes: number;
  readonly taskSlotsPerNode: number;
  readonly resizeDeadline: Date | null;
  readonly resizeTimeoutSeconds: number;
  readonly nodeDeallocationOption: string;
  readonly resizeErrors: readonly ResizeError[] | null;
  readonly spec: PoolSpec;
  readonly tags?: Tags;
  /** Whether the service made it for a job or a schedule. */
  readonly isAuto?: boolean;
}

type PoolEvent = "delete";
type AllocationEvent = "resize" | "stop" | "settle";

/** A pool moves along this table and in no other way; one whose last node has left is gone. */
const poolTransitions: Transitions<PoolState, PoolEvent> = {
  active: { delete: "deleting" },
  deleting: {},
};

/** The pursuit of a pool's targets moves along this table; `resize` is a new target, or a deletion. */
export const allocationTransitions: Transitions<AllocationState, AllocationEvent> = {
  steady: { resize: "resizing" },
  resizing: { resize: "resizing", stop: "stopping", settle: "steady" },
  stopping: { resize: "resizing", settle: "steady" },
};

/** The pool after an event of its allocation; each begins anew, even when the state stays the same. */
export function moveAllocation(pool: Pool, event: AllocationEvent, now: Date): Pool {
  const allocationState = requiredState(allocationTransitions, pool.allocationState, event);
  return { ...pool, allocationState, allocationStateTransitionTime: now };
}

/** The pool that begins to be deleted: it has no target any more, and its nodes leave with their tasks requeued. */
export function deletingPool(pool: Pool, now: Date): Pool {
  return {
    ...moveAllocation(pool, "resize", now),
    state: requiredState(poolTransitions, pool.state, "delete"),
    stateTransitionTime: now,
    lastModified: now,
    targetDedicatedNodes: 0,
    targetLowPriorityNodes: 0,
    nodeDeallocationOption: "requeue",
    resizeDeadline: null,
    resizeErrors: null,
  };
}
