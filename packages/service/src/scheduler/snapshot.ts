/** What the planner sees: for each pool the nodes with room and the first of the tasks that wait. */
export interface Snapshot {
  readonly pools: readonly PoolSnapshot[];
}

export interface PoolSnapshot {
  readonly poolPk: number;
  readonly fillType: "pack" | "spread";
  readonly nodes: readonly NodeSnapshot[];
  /** Jobs in the order in which they are served: priority, then age. */
  readonly jobs: readonly JobSnapshot[];
}

export interface NodeSnapshot {
  readonly nodePk: number;
  readonly nodeId: string;
  readonly slots: number;
  readonly freeSlots: number;
  readonly isDedicated?: boolean;
}

export interface JobSnapshot {
  readonly jobPk: number;
  readonly priority: number;
  /** How many more of its tasks may run now; unlimited when absent. */
  readonly headroom?: number;
  /** Nodes on which this job's preparation has failed. */
  readonly closedNodePks?: readonly number[];
  /** In the order in which they are served. */
  readonly tasks: readonly WaitingTask[];
}

export interface WaitingTask {
  readonly taskPk: number;
  readonly requiredSlots: number;
  /** The node this task would like best. */
  readonly affinityNodeId?: string;
  /** Whether it takes a whole node. */
  readonly isExclusive?: boolean;
  /** Whether it may run on dedicated nodes only. */
  readonly needsDedicated?: boolean;
}

export interface Placement {
  readonly taskPk: number;
  readonly jobPk: number;
  readonly nodePk: number;
  readonly isExclusive?: boolean;
}
