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
  /** Of jobs of one priority: by turns, which is so when it is absent, or the older one first. */
  readonly jobOrder?: "none" | "creationtime";
  /** How many of its nodes can serve multi-instance tasks, whether or not they are free; none when absent. */
  readonly gangNodes?: number;
  /**
   * Running tasks that may have to make room for a job of higher priority or for a job manager that starts again, in
   * the order in which they should go. Their nodes are among the pool's.
   */
  readonly preemptible?: readonly RunningTask[];
}

/** A task on its node, or on its nodes when it is a multi-instance task. */
export interface RunningTask {
  readonly taskPk: number;
  readonly priority: number;
  /** Whether its job lets no job of higher priority take its slots. */
  readonly isProtected?: boolean;
  readonly isManager?: boolean;
  readonly places: readonly { readonly nodePk: number; readonly slots: number }[];
}

export interface NodeSnapshot {
  readonly nodePk: number;
  readonly nodeId: string;
  readonly slots: number;
  /** Less than none while tasks are there ahead of time, or may have to make room. */
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
  /** When the job was last served while multi-instance tasks waited in the pool; in milliseconds. */
  readonly turnTime?: number;
  /** Slots that its tasks hold; none when absent. */
  readonly heldSlots?: number;
  /** Of those the ones that its tasks have not got yet, because they are on nodes ahead of time; none when absent. */
  readonly aheadSlots?: number;
  /** Slot-seconds that it has had, to compare it with others of its pool and priority; none when absent. */
  readonly servedSeconds?: number;
  /** How long a run of the job takes on average; absent until one has ended. */
  readonly runSeconds?: number;
  /** Whether more of its tasks wait than `tasks` has. */
  readonly hasMore?: boolean;
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
  /** How many whole nodes a multi-instance task needs at once. */
  readonly instances?: number;
  /** Whether it is a job manager that lost its node. Tasks of the same or a lower priority make room for it. */
  readonly isRestart?: boolean;
}

export interface Placement {
  readonly taskPk: number;
  readonly jobPk: number;
  readonly nodePk: number;
  /** What it takes of each of its nodes; an exclusive task takes all. */
  readonly requiredSlots: number;
  readonly isExclusive?: boolean;
  /** Nodes of the further instances of a multi-instance task; absent for any other. */
  readonly others?: readonly number[];
  /** Running tasks that have to leave for it. */
  readonly preempts?: readonly number[];
  /**
   * Set for a task that is sent ahead: how many slots' worth of waiting tasks the node may have, beyond its own slots.
   */
  readonly beyond?: number;
  /** Whether the placement counts as the job's turn among jobs that wait for several nodes. */
  readonly isTurn?: boolean;
}
