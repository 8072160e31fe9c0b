import type { ComputeNodeState, Failure, SchedulingState, StartTask, StartTaskInformation } from "@kyanite/contract";
import type { NodePackage } from "../account/application.ts";
import { nextState, requiredState, statesBefore, type Transitions } from "../transitions.ts";

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
  /** On which it was when it was last connected. */
  readonly hostId: string | null;
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
  /** Why it is not there yet, while its provider waits for what it needs. */
  readonly pendingReason: string | null;
  /**
   * The node is to leave, restart or be released, but not before the files of its tasks may be deleted: at
   * `retainedUntil`, which is null until it has been computed.
   */
  readonly retainsData: boolean;
  readonly retainedUntil: Date | null;
  readonly pendingAction: PendingAction | null;
  readonly restartId: string | null;
  readonly setupId: string | null;
  /** The application packages of the pool as they were when the node booted. */
  readonly packages: readonly NodePackage[];
  /** The run that installs them, until it has ended. */
  readonly packageRunId: string | null;
  readonly recentTasks: readonly number[];
  /** Whether its agent may make accounts on its machine. */
  readonly managesUsers: boolean;
}

/** What a node does when its tasks have ended; `start` is under way until the node has booted. */
export type PendingAction = "reboot" | "reimage" | "deallocate" | "start";

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
  | "recreate"
  | "deallocate"
  | "deallocated"
  | "start"
  | "close"
  | "open"
  | "work"
  | "rerunStartTask";

/** Any node can fail or be removed, whatever it is doing. */
const removable = { fail: "unusable", leave: "leavingpool", preempt: "preempted" } as const;

/** A node that has worked can also fall silent. */
const fromAnywhere = { ...removable, silent: "unknown" } as const;

/** What takes a node out of work: a client's request, or its repair. */
const repairable = { reboot: "rebooting", reimage: "reimaging" } as const;

/** A compute node moves along this table and in no other way; `boot` is its agent saying hello after a start. */
export const nodeTransitions: Transitions<ComputeNodeState, NodeEvent> = {
  creating: { boot: "starting", fail: "unusable", leave: "leavingpool", preempt: "preempted" },
  starting: {
    ...fromAnywhere,
    boot: "starting",
    awaitStartTask: "waitingforstarttask",
    startTaskFailed: "starttaskfailed",
    ready: "idle",
  },
  waitingforstarttask: {
    ...fromAnywhere,
    boot: "starting",
    ready: "idle",
    startTaskFailed: "starttaskfailed",
    reboot: "rebooting",
  },
  starttaskfailed: { ...fromAnywhere, ...repairable, boot: "starting", rerunStartTask: "waitingforstarttask" },
  idle: {
    ...fromAnywhere,
    ...repairable,
    boot: "starting",
    deallocate: "deallocating",
    close: "offline",
    work: "running",
    rerunStartTask: "waitingforstarttask",
  },
  running: { ...fromAnywhere, ...repairable, boot: "starting", deallocate: "deallocating", close: "offline" },
  rebooting: { ...fromAnywhere, boot: "starting" },
  reimaging: { ...fromAnywhere, boot: "starting" },
  offline: { ...fromAnywhere, ...repairable, boot: "starting", deallocate: "deallocating", open: "idle" },
  // It stays unusable, even if it falls silent, until it boots or its problem is over: its set-up may never have been
  // completed.
  unusable: {
    ...removable,
    ...repairable,
    boot: "starting",
    return: "idle",
    awaitStartTask: "waitingforstarttask",
    startTaskFailed: "starttaskfailed",
  },
  unknown: {
    ...fromAnywhere,
    ...repairable,
    boot: "starting",
    return: "idle",
    awaitStartTask: "waitingforstarttask",
    startTaskFailed: "starttaskfailed",
  },
  leavingpool: { leave: "leavingpool", stay: "idle", silent: "leavingpool" },
  preempted: { recreate: "creating", leave: "leavingpool" },
  upgradingos: { ...fromAnywhere, boot: "starting" },
  deallocating: { deallocated: "deallocated", leave: "leavingpool" },
  deallocated: { start: "starting", leave: "leavingpool" },
};

/** Where an event leads from a state; undefined when the table has no such transition. */
export function nextNodeState(state: ComputeNodeState, event: NodeEvent): ComputeNodeState | undefined {
  return nextState(nodeTransitions, state, event);
}

/** The states in which an event is allowed, for statements that move many nodes at once. */
export const nodeStatesBefore = (event: NodeEvent): ComputeNodeState[] => statesBefore(nodeTransitions, event);

/** States in which a node may be given tasks, provided that its scheduling is enabled. */
export const schedulableStates: readonly ComputeNodeState[] = ["idle", "running"];

/** States in which a node keeps its place but has no machine. */
export const releasedStates: readonly ComputeNodeState[] = ["deallocating", "deallocated"];

/** States in which a node is expected to be heard of. */
export const connectedStates: readonly ComputeNodeState[] = [
  "starting",
  "waitingforstarttask",
  "starttaskfailed",
  "idle",
  "running",
  "offline",
];

/**
 * The node after an event.
 * @throws RangeError when the table has no such transition: a caller asks only for what it knows to be allowed.
 */
export function moveNode(node: Node, event: NodeEvent, now: Date): Node {
  const state = requiredState(nodeTransitions, node.state, event);
  return state === node.state ? node : { ...node, state, stateTransitionTime: now };
}

/** Corrects an `idle` node: with tasks it is `running`, and with its scheduling disabled `offline`. */
export function atRest(node: Node, now: Date): Node {
  if (node.state !== "idle") return node;
  if (node.runningTasks > 0) return moveNode(node, "work", now);
  return node.schedulingState === "disabled" ? moveNode(node, "close", now) : node;
}
