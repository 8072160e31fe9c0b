import type { AllocationState, PoolAddParameter, PoolState } from "@kyanite/contract";

/** A pool's request body with the documented defaults filled in. */
export type PoolSpec = PoolAddParameter;

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
}
