import type { ExpandedEvent, Facts, TaskChange, TaskRow } from "./event.ts";
import { scheduleOfJob } from "./ids.ts";
import { time } from "./time.ts";

/** The events of a task's change: the change of state, and the documented ones that it means. */
export function eventsOfTask(change: TaskChange, row: TaskRow): ExpandedEvent[] {
  const resource = resourceOf(change, row);
  const state = {
    ...(change.state === null ? {} : { state: change.state }),
    ...(change.previous_state === null ? {} : { previousState: change.previous_state }),
  };
  const what = row.change === "changed" ? change.state : row.change;
  return [
    { kind: `task.${what}`, resource, ...state, properties: propertiesOf(change) },
    ...documented(change, row).map(({ kind, properties }) => ({ kind, resource, properties })),
  ];
}

function resourceOf(change: TaskChange, { about }: TaskRow): ExpandedEvent["resource"] {
  return {
    type: "task",
    jobId: about.jobId,
    taskId: change.id,
    poolId: change.pool_id ?? about.poolId,
    ...(change.node_id === null ? {} : { nodeId: change.node_id }),
    ...scheduleOfJob(about.jobId),
    path: `/jobs/${about.jobId}/tasks/${change.id}`,
  };
}

/** The facts that a task has at the moment; what it does not have is left out. */
function propertiesOf(change: TaskChange): Facts {
  return {
    retryCount: change.retry_count,
    requeueCount: change.requeue_count,
    ...(change.start_time === null ? {} : { startTime: time(change.start_time) }),
    ...(change.end_time === null ? {} : { endTime: time(change.end_time) }),
    ...(change.exit_code === null ? {} : { exitCode: change.exit_code }),
    ...(change.result === null ? {} : { result: change.result }),
    ...(change.failure_info === null ? {} : { failureInfo: change.failure_info }),
  };
}

/** As much of a task's change as it takes to tell which documented events it means. */
export interface TaskTurn {
  readonly state: string | null;
  readonly previousState: string | null;
  readonly result: string | null;
  readonly isRequeue: boolean;
  readonly isInternalRetry: boolean;
}

export type DocumentedTaskEvent = "TaskStartEvent" | "TaskCompleteEvent" | "TaskFailEvent" | "TaskScheduleFailEvent";

/** The documented events that a change of a task means, in their order. */
export function documentedTaskEvents(turn: TaskTurn): readonly DocumentedTaskEvent[] {
  switch (turn.state) {
    case "running":
      return ["TaskStartEvent"];
    case "completed":
      return turn.result === "failure" ? ["TaskCompleteEvent", "TaskFailEvent"] : ["TaskCompleteEvent"];
    case "active":
      return couldNotStart(turn) ? ["TaskScheduleFailEvent"] : [];
    default:
      return [];
  }
}

interface Documented {
  readonly kind: string;
  readonly properties: Facts;
}

function documented(change: TaskChange, row: TaskRow): readonly Documented[] {
  if (row.change !== "changed") return [];
  const turn = {
    state: change.state,
    previousState: change.previous_state,
    result: change.result,
    isRequeue: change.is_requeue,
    isInternalRetry: change.is_internal_retry,
  };
  return documentedTaskEvents(turn).map((kind) => ({
    kind,
    properties: { ...commonOf(change, row), ...particulars[kind](change) },
  }));
}

/** What a documented event says beside that which all of them say. */
const particulars: Readonly<Record<DocumentedTaskEvent, (change: TaskChange) => Facts>> = {
  TaskStartEvent: ({ retry_count: retryCount }) => ({ executionInfo: { retryCount } }),
  TaskCompleteEvent: (change) => ({ executionInfo: executionOf(change) }),
  TaskFailEvent: (change) => ({ executionInfo: executionOf(change) }),
  TaskScheduleFailEvent: () => ({ schedulingError: couldNotStartError }),
};

function commonOf(change: TaskChange, { about }: TaskRow): Facts {
  return {
    jobId: about.jobId,
    id: change.id,
    taskType: change.is_manager ? "JobManager" : "User",
    // How often the service has started the task again through no fault of its own.
    systemTaskVersion: change.internal_retry_count,
    requiredSlots: change.required_slots,
    nodeInfo: { poolId: change.pool_id ?? about.poolId, nodeId: change.node_id ?? "" },
    multiInstanceSettings: { numberOfInstances: change.instances ?? 1 },
    constraints: { maxTaskRetryCount: change.max_retry_count ?? 0 },
  };
}

function executionOf(change: TaskChange): Facts {
  return {
    startTime: time(change.start_time),
    endTime: time(change.end_time),
    exitCode: change.exit_code,
    retryCount: change.retry_count,
    requeueCount: change.requeue_count,
    result: change.result === "failure" ? "Failure" : "Success",
    schedulingError: errorOf(change.failure_info),
  };
}

const noError = { category: "", code: "", message: "", details: [] };

function errorOf(failure: unknown): Facts {
  return typeof failure === "object" && failure !== null ? { ...noError, ...failure } : noError;
}

/** Back in the queue because its node could not run it, or could not be prepared for its job; nobody wished that. */
function couldNotStart({ previousState, isRequeue, isInternalRetry }: TaskTurn): boolean {
  return isInternalRetry || (previousState === "preparing" && !isRequeue);
}

const couldNotStartError = {
  category: "ServerError",
  code: "Unknown",
  message: "The compute node could not run the task; it is tried again",
  details: [],
};
