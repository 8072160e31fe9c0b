import type { ComputeNodeState, Failure, SchedulingState, StartTask, StartTaskInformation } from "@kyanite/contract";

export interface Node {
  readonly pk: number;
  readonly poolPk: number;
  readonly id: string;
  readonly state: ComputeNodeState;
  readonly stateTransitionTime: Date;
  readonly schedulingState: SchedulingState;
  readonly isDedicated: boolean;
  readonly allocationTime: Date;
  readonly lastBootTime: Date | null;
  readonly lastSeen: Date | null;
  readonly ipAddress: string | null;
  readonly agentVersion: string | null;
  readonly slots: number;
  readonly usedSlots: number;
  readonly runningTasks: number;
  readonly totalTasksRun: number;
  readonly totalTasksSucceeded: number;
  readonly startTask: StartTask | null;
  readonly startRunId: string | null;
  readonly startTaskInfo: StartTaskInformation | null;
  readonly errors: readonly Failure[] | null;
  /** How often its provider could not start it since it was last asked for, and why. */
  readonly startFailures: number;
  readonly startFailure: string | null;
  /** Leaving, but only when the files of its tasks need no longer be kept, which is at `retainedUntil` once that is known. */
  readonly retainsData: boolean;
  readonly retainedUntil: Date | null;
}

type NodeEvent =
  | "boot"
  | "awaitStartTask"
  | "ready"
  | "startTaskFailed"
  | "silent"
  | "return"
  | "fail"
  | "reboot"
  | "reimage"
  | "leave"
  | "stay"
  | "preempt"
  | "recreate";

/** Any node can be lost, fail or be removed, whatever it is doing. */
const fromAnywhere = {
  silent: "unknown",
  fail: "unusable",
  leave: "leavingpool",
  preempt: "preempted",
} as const;

/** A compute node moves along this table and in no other way; `boot` is its agent saying hello after a start. */
export const nodeTransitions = {
  creating: { boot: "starting", fail: "unusable", leave: "leavingpool", preempt: "preempted" },
  starting: { ...fromAnywhere, boot: "starting", awaitStartTask: "waitingforstarttask", ready: "idle" },
  waitingforstarttask: {
    ...fromAnywhere,
    boot: "starting",
    ready: "idle",
    startTaskFailed: "starttaskfailed",
    reboot: "rebooting",
  },
  starttaskfailed: { ...fromAnywhere, boot: "starting", reboot: "rebooting", reimage: "reimaging" },
  idle: { ...fromAnywhere, boot: "starting", reboot: "rebooting", reimage: "reimaging" },
  running: { ...fromAnywhere, boot: "starting", reboot: "rebooting", reimage: "reimaging" },
  rebooting: { ...fromAnywhere, boot: "starting" },
  reimaging: { ...fromAnywhere, boot: "starting" },
  offline: { ...fromAnywhere, boot: "starting", reboot: "rebooting", reimage: "reimaging" },
  unusable: { ...fromAnywhere, boot: "starting", reboot: "rebooting", reimage: "reimaging" },
  unknown: { ...fromAnywhere, boot: "starting", return: "idle", reboot: "rebooting", reimage: "reimaging" },
  leavingpool: { leave: "leavingpool", stay: "idle" },
  preempted: { recreate: "creating", leave: "leavingpool" },
  upgradingos: { ...fromAnywhere, boot: "starting" },
  deallocating: { leave: "leavingpool" },
  deallocated: { leave: "leavingpool" },
} as const satisfies Record<ComputeNodeState, Partial<Record<NodeEvent, ComputeNodeState>>>;

const nodeStates: ComputeNodeState[] = [
  "creating",
  "starting",
  "waitingforstarttask",
  "starttaskfailed",
  "idle",
  "running",
  "rebooting",
  "reimaging",
  "offline",
  "unusable",
  "unknown",
  "leavingpool",
  "preempted",
  "upgradingos",
  "deallocating",
  "deallocated",
];

/** Where an event leads from a state; undefined when the table has no such transition. */
export function nextNodeState(state: ComputeNodeState, event: NodeEvent): ComputeNodeState | undefined {
  const moves: Partial<Record<NodeEvent, ComputeNodeState>> = nodeTransitions[state];
  return moves[event];
}

/** The states in which an event is allowed, for statements that move many nodes at once. */
export function nodeStatesBefore(event: NodeEvent): ComputeNodeState[] {
  return nodeStates.filter((state) => nextNodeState(state, event) !== undefined);
}

/** States in which a node may be given tasks, provided that its scheduling is enabled. */
export const schedulableStates: readonly ComputeNodeState[] = ["idle", "running"];

/** States in which a node is expected to be heard of. */
export const connectedStates: readonly ComputeNodeState[] = [
  "starting",
  "waitingforstarttask",
  "starttaskfailed",
  "idle",
  "running",
  "offline",
];
