import type { ErrorCode } from "./errors.ts";
import type {
  AllocationState,
  ComputeNodeState,
  JobScheduleState,
  JobState,
  PoolState,
  SchedulingState,
  TaskExecutionResult,
  TaskState,
} from "./states.ts";

/**
 * Which request is allowed in which state, and the error it causes otherwise. The service decides by these tables, and
 * a user interface enables its buttons by them.
 */
export type Verdict = "allowed" | ErrorCode;

type Table<State extends string> = Readonly<Record<string, Readonly<Record<State, Verdict>>>>;

const notWhileDeleting = { active: "allowed", deleting: "PoolBeingDeleted" } as const;

/** By the pool's state. What else has to be looked at: {@link poolAllocationActions} and {@link poolAutoScaleActions}. */
export const poolActions = {
  update: notWhileDeleting,
  resize: notWhileDeleting,
  removeNodes: notWhileDeleting,
  stopResize: notWhileDeleting,
  enableAutoScale: notWhileDeleting,
  changeAutoScale: notWhileDeleting,
  disableAutoScale: notWhileDeleting,
  evaluateAutoScale: notWhileDeleting,
  runAutoScale: notWhileDeleting,
  delete: notWhileDeleting,
} as const satisfies Table<PoolState>;
export type PoolActionName = keyof typeof poolActions;

const onlySteady = { steady: "allowed", resizing: "PoolBeingResized", stopping: "PoolBeingResized" } as const;

export const poolAllocationActions = {
  resize: onlySteady,
  removeNodes: onlySteady,
  enableAutoScale: onlySteady,
  stopResize: {
    steady: "OperationInvalidForCurrentState",
    resizing: "allowed",
    stopping: "OperationInvalidForCurrentState",
  },
} as const satisfies Table<AllocationState>;

export const poolAutoScaleActions = {
  resize: { on: "OperationInvalidForCurrentState", off: "allowed" },
  removeNodes: { on: "OperationInvalidForCurrentState", off: "allowed" },
  evaluateAutoScale: { on: "allowed", off: "OperationInvalidForCurrentState" },
  runAutoScale: { on: "allowed", off: "OperationInvalidForCurrentState" },
} as const satisfies Table<"on" | "off">;

/** The three tables together; `enableAutoScale` is for a pool whose autoscale is off, `changeAutoScale` for the rest. */
export function poolVerdict(
  action: PoolActionName,
  pool: { readonly state: PoolState; readonly allocationState: AllocationState; readonly enableAutoScale: boolean },
): Verdict {
  const byAutoScale: Readonly<Record<string, Readonly<Record<"on" | "off", Verdict>>>> = poolAutoScaleActions;
  const byAllocation: Table<AllocationState> = poolAllocationActions;
  const verdicts: readonly Verdict[] = [
    poolActions[action][pool.state],
    byAutoScale[action]?.[pool.enableAutoScale ? "on" : "off"] ?? "allowed",
    byAllocation[action]?.[pool.allocationState] ?? "allowed",
  ];
  return verdicts.find((verdict) => verdict !== "allowed") ?? "allowed";
}

/** What stands in the way of acting on a node that is not at rest. */
const nodeInTheWay = {
  idle: "OperationNotValidOnNode",
  running: "OperationNotValidOnNode",
  offline: "OperationNotValidOnNode",
  creating: "NodeBeingCreated",
  starting: "NodeBeingStarted",
  waitingforstarttask: "NodeBeingStarted",
  starttaskfailed: "OperationNotValidOnNode",
  rebooting: "NodeBeingRebooted",
  reimaging: "NodeBeingReimaged",
  upgradingos: "OperationNotValidOnNode",
  deallocating: "OperationNotValidOnNode",
  deallocated: "OperationNotValidOnNode",
  leavingpool: "OperationNotValidOnNode",
  preempted: "NodeStateUnusable",
  unusable: "NodeStateUnusable",
  unknown: "NodeStateUnusable",
} as const satisfies Record<ComputeNodeState, Verdict>;

const atWork = { ...nodeInTheWay, idle: "allowed", running: "allowed" } as const;

/** A restart is how a node is repaired, so it is allowed where the node has failed. */
const repairable = { ...atWork, offline: "allowed", starttaskfailed: "allowed", unusable: "allowed" } as const;

const schedulable = {
  ...atWork,
  offline: "allowed",
  waitingforstarttask: "allowed",
  starttaskfailed: "allowed",
} as const;

export const nodeActions = {
  reboot: repairable,
  reimage: repairable,
  start: { ...nodeInTheWay, deallocated: "allowed" },
  rerunStartTask: { ...nodeInTheWay, idle: "allowed", starttaskfailed: "allowed" },
  deallocate: { ...atWork, offline: "allowed" },
  disableScheduling: schedulable,
  enableScheduling: schedulable,
  changeUsers: atWork,
} as const satisfies Table<ComputeNodeState>;
export type NodeActionName = keyof typeof nodeActions;

/** Before this version only nodes of the old cloud-service kind could be reimaged. */
export const reimageOfMachinesSince = "2025-06-01";

export const schedulingActions = {
  disableScheduling: { enabled: "allowed", disabled: "NodeAlreadyInTargetSchedulingState" },
  enableScheduling: { enabled: "NodeAlreadyInTargetSchedulingState", disabled: "allowed" },
} as const satisfies Table<SchedulingState>;

const untilJobEnds = {
  active: "allowed",
  disabling: "allowed",
  disabled: "allowed",
  enabling: "allowed",
  terminating: "JobBeingTerminated",
  completed: "JobCompleted",
  deleting: "JobBeingDeleted",
} as const;

const untilJobIsDeleted = { ...untilJobEnds, terminating: "allowed", completed: "allowed" } as const;

/** What can be asked of a job, and of its tasks as far as the job has a say; for the rest: {@link taskActions}. */
export const jobActions = {
  disable: { ...untilJobEnds, enabling: "OperationInvalidForCurrentState" },
  enable: { ...untilJobEnds, active: "OperationInvalidForCurrentState" },
  terminate: untilJobEnds,
  terminateByForce: { ...untilJobEnds, terminating: "allowed" },
  update: untilJobEnds,
  delete: untilJobIsDeleted,
  deleteByForce: { ...untilJobIsDeleted, deleting: "allowed" },
  addTask: untilJobEnds,
  reactivateTask: untilJobEnds,
  updateTask: untilJobIsDeleted,
  terminateTask: untilJobIsDeleted,
  deleteTask: untilJobIsDeleted,
} as const satisfies Table<JobState>;
export type JobActionName = keyof typeof jobActions;

const untilScheduleEnds = {
  active: "allowed",
  disabled: "allowed",
  terminating: "JobScheduleBeingTerminated",
  completed: "JobScheduleCompleted",
  deleting: "JobScheduleBeingDeleted",
} as const;

const untilScheduleIsDeleted = { ...untilScheduleEnds, terminating: "allowed", completed: "allowed" } as const;

export const jobScheduleActions = {
  enable: untilScheduleEnds,
  disable: untilScheduleEnds,
  terminate: untilScheduleEnds,
  terminateByForce: { ...untilScheduleEnds, terminating: "allowed" },
  update: untilScheduleEnds,
  delete: untilScheduleIsDeleted,
  deleteByForce: { ...untilScheduleIsDeleted, deleting: "allowed" },
} as const satisfies Table<JobScheduleState>;
export type JobScheduleActionName = keyof typeof jobScheduleActions;

const untilTaskCompletes = {
  active: "allowed",
  preparing: "allowed",
  running: "allowed",
  completed: "TaskCompleted",
} as const;

export const taskActions = {
  update: untilTaskCompletes,
  terminate: untilTaskCompletes,
  reactivate: {
    active: "TaskNotCompleted",
    preparing: "TaskNotCompleted",
    running: "TaskNotCompleted",
    completed: "allowed",
  },
  delete: { ...untilTaskCompletes, completed: "allowed" },
} as const satisfies Table<TaskState>;
export type TaskActionName = keyof typeof taskActions;

/** Of a completed task, only a failed one can be put into the queue again. */
export const reactivation = { success: "TaskSucceeded", failure: "allowed" } as const satisfies Record<
  TaskExecutionResult,
  Verdict
>;
