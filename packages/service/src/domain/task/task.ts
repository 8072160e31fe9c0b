import {
  BatchError,
  type Failure,
  type RunContainer,
  type RunExit,
  type RunLoss,
  type TaskActionName,
  type TaskAddParameter,
  type TaskState,
  taskActions,
} from "@kyanite/contract";
import type { Facts } from "../filter.ts";
import type { Job } from "../job/job.ts";
import { entered, requiredState, statesBefore, type Transitions } from "../transitions.ts";
import { exitOptions } from "./exit-options.ts";
import { type StoredUse, withRunUse } from "./resource-use.ts";

/** A task's request body with the documented defaults filled in. */
export type TaskSpec = TaskAddParameter;

/** Where a task runs or last ran, in the words of the API. */
export interface TaskNodeInfo {
  readonly poolId: string;
  readonly nodeId: string;
}

export interface Task {
  readonly pk: number;
  readonly jobPk: number;
  readonly id: string;
  readonly etag: string;
  readonly lastModified: Date;
  readonly creationTime: Date;
  readonly state: TaskState;
  readonly stateTransitionTime: Date;
  readonly previousState: TaskState | null;
  readonly previousStateTransitionTime: Date | null;
  readonly requiredSlots: number;
  /** Slots that the present run takes of its node, when they are not the required ones. */
  readonly heldSlots: number | null;
  /** How many nodes a multi-instance task needs at once; null for any other. */
  readonly instances: number | null;
  readonly waitingFor: number;
  readonly isSatisfied: boolean;
  readonly retryCount: number;
  readonly lastRetryTime: Date | null;
  readonly requeueCount: number;
  readonly lastRequeueTime: Date | null;
  readonly internalRetryCount: number;
  readonly firstStartTime: Date | null;
  /** How long all runs that have ended took together. */
  readonly wallClockSeconds: number;
  readonly resourceUse: StoredUse | null;
  readonly startTime: Date | null;
  readonly endTime: Date | null;
  readonly exitCode: number | null;
  readonly result: "success" | "failure" | null;
  readonly failureInfo: Failure | null;
  readonly containerInfo: RunContainer | null;
  readonly nodePk: number | null;
  readonly runId: string | null;
  readonly nodeInfo: TaskNodeInfo | null;
  readonly spec: TaskSpec;
  /** The trace that it belongs to, as a `traceparent`; null when nobody is told of it. */
  readonly traceParent: string | null;
}

/** @throws BatchError when the task's state forbids the action */
export function checkTaskAction(task: Pick<Task, "state">, action: TaskActionName): void {
  const verdict = taskActions[action][task.state];
  if (verdict !== "allowed") throw new BatchError(verdict);
}

type TaskEvent = "prepare" | "start" | "retry" | "requeue" | "finish" | "reactivate";

/** A task moves along this table and in no other way. */
export const taskTransitions: Transitions<TaskState, TaskEvent> = {
  active: { prepare: "preparing", start: "running", finish: "completed" },
  preparing: { start: "running", requeue: "active", finish: "completed" },
  running: { retry: "running", requeue: "active", finish: "completed" },
  completed: { reactivate: "active" },
};

/** The states in which an event is allowed, for statements that move many tasks at once. */
export const taskStatesBefore = (event: TaskEvent): TaskState[] => statesBefore(taskTransitions, event);

/**
 * For each kind of task that a job counts (the state, or the result of a completed one): the property values that all
 * such tasks have. A filter that they cannot meet need not look at tasks of that kind.
 */
export const taskStandings = {
  active: { state: "active", ...without("result", "startTime", "endTime") },
  preparing: { state: "preparing", ...without("result", "startTime", "endTime") },
  running: { state: "running", ...without("result", "endTime") },
  success: { state: "completed", "executionInfo/result": "success", "executionInfo/exitCode": 0 },
  failure: { state: "completed", "executionInfo/result": "failure" },
} as const satisfies Record<string, Facts>;

function without(...names: readonly string[]): Facts {
  return Object.fromEntries(names.map((name) => [`executionInfo/${name}`, undefined]));
}

/** The task after an event; everything else that a transition implies is the caller's. */
function moveTask(task: Task, event: TaskEvent, now: Date): Task {
  const state = requiredState(taskTransitions, task.state, event);
  return state === task.state ? task : entered(task, state, now);
}

/** How often the service starts a task again through no fault of its own before it gives up. */
export const maxInternalRetries = 10;

/** What a run's end means for its task, and for the job and the tasks that depend on it. */
export interface ExitOutcome {
  readonly task: Task;
  readonly jobAction: "none" | "disable" | "terminate";
  /** Whether the run was given back before anything of it had happened. */
  readonly neverBegan?: true;
}

/** The end of a run as an agent reported it; times are the node's. */
export interface RunEnd {
  readonly exit: RunExit;
  readonly startTime: Date;
  readonly endTime: Date;
  readonly container?: RunContainer | undefined;
}

/**
 * Decides what follows from the end of a run: another try on the same node, or completion with the exit conditions'
 * actions. Only a non-zero exit is tried again; a failure before or after the command, or a wall clock that ran out,
 * never is.
 */
export function afterExit(task: Task, job: Pick<Job, "onTaskFailure">, end: RunEnd, now: Date): ExitOutcome {
  if (end.exit.kind === "exited" && end.exit.exitCode !== 0 && mayRetry(task)) {
    const retried = moveTask(withRun(task, end), "retry", now);
    return {
      task: {
        ...retried,
        runId: null,
        retryCount: task.retryCount + 1,
        lastRetryTime: now,
        startTime: now,
        exitCode: end.exit.exitCode,
        containerInfo: end.container ?? null,
      },
      jobAction: "none",
    };
  }
  const failure = failureOf(end.exit);
  const completed = {
    ...offNode(moveTask(withRun(task, end), "finish", now)),
    startTime: end.startTime,
    endTime: end.endTime,
    exitCode: end.exit.kind === "failed" ? null : (end.exit.exitCode ?? null),
    result: failure ? ("failure" as const) : ("success" as const),
    failureInfo: failure ?? null,
    containerInfo: end.container ?? null,
  };
  return withExitOptions(completed, job, end.exit);
}

/** What a completed task's exit conditions ask for. */
function withExitOptions(task: Task, job: Pick<Job, "onTaskFailure">, exit: RunExit): ExitOutcome {
  const { jobAction, dependencyAction } = exitOptions(
    task.spec.exitConditions,
    exit,
    job.onTaskFailure === "performexitoptionsjobaction",
  );
  // Once a task has satisfied its dependents it counts as satisfied, even if it is reactivated and fails.
  return { task: { ...task, isSatisfied: task.isSatisfied || dependencyAction === "satisfy" }, jobAction };
}

/**
 * What follows for the job and for dependents when the service took a task from its node. If that completed the task,
 * it has failed for the reason in its failure information.
 */
export function afterTaking(task: Task, job: Pick<Job, "onTaskFailure">): ExitOutcome {
  if (task.state !== "completed" || !task.failureInfo) return { task, jobAction: "none" };
  const wasEnded = task.failureInfo.code === "TaskEnded";
  return withExitOptions(
    task,
    job,
    wasEnded ? { kind: "ended", reason: "cancelled" } : { kind: "failed", failure: task.failureInfo },
  );
}

/** No longer on a node. */
function offNode(task: Task): Task {
  return { ...task, nodePk: null, runId: null, heldSlots: null };
}

/** How long a run took. */
export function runSeconds({ startTime, endTime }: Pick<RunEnd, "startTime" | "endTime">): number {
  return Math.max(0, (endTime.getTime() - startTime.getTime()) / 1000);
}

/** With what a run that has ended took and used. */
function withRun(task: Task, end: RunEnd): Task {
  const use = "use" in end.exit ? end.exit.use : undefined;
  const timed = withRunTime(task, end);
  return use ? { ...timed, resourceUse: withRunUse(task.resourceUse, use) } : timed;
}

/** With the time of a run that has ended. */
function withRunTime(task: Task, run: Pick<RunEnd, "startTime" | "endTime">): Task {
  return {
    ...task,
    firstStartTime: task.firstStartTime ?? run.startTime,
    wallClockSeconds: task.wallClockSeconds + runSeconds(run),
  };
}

/** With the time of the run that is cut short now, when there is one. */
function withRunCutShort(task: Task, now: Date): Task {
  return task.state === "running" && task.startTime
    ? withRunTime(task, { startTime: task.startTime, endTime: now })
    : task;
}

function mayRetry(task: Task): boolean {
  const limit = task.spec.constraints?.maxTaskRetryCount ?? 0;
  return limit === -1 || task.retryCount < limit;
}

/** Back to the queue because the node is lost: not the task's fault, so no retry is spent. */
export function afterNodeLoss(task: Task, now: Date): Task {
  if (task.internalRetryCount >= maxInternalRetries)
    return {
      ...ended(task, now),
      failureInfo: {
        category: "ServerError",
        code: "MaxInternalRetryCountReached",
        message: "The task was started again too often because its compute nodes were lost or failed",
        details: [],
      },
    };
  return { ...requeued(task, now), internalRetryCount: task.internalRetryCount + 1 };
}

/** What follows when nobody can say how a task's run ended. */
export function afterRunLoss(task: Task, job: Pick<Job, "onTaskFailure">, now: Date): ExitOutcome {
  return afterTaking(afterNodeLoss(task, now), job);
}

/** The exit that is recorded for a lost run that is not tried on another node, such as a preparation task's. */
export function exitOfLostRun({ reason }: RunLoss): RunExit {
  const details = [{ name: "Message", value: reason }];
  const message = "The compute node could not run the task";
  return { kind: "failed", failure: { category: "ServerError", code: "Unknown", message, details } };
}

/** Why a run did not succeed, or undefined when it did. */
export function failureOf(exit: RunExit): Failure | undefined {
  switch (exit.kind) {
    case "failed":
      return exit.failure;
    case "ended":
      return exit.reason === "wallClock"
        ? taskEnded("The task exceeded its maximum wall clock time")
        : taskEnded("The task was ended on request");
    case "exited":
      if (exit.failure) return exit.failure;
      if (exit.uploadFailure) return exit.uploadFailure;
      if (exit.exitCode === 0) return undefined;
      return {
        category: "UserError",
        code: "FailureExitCode",
        message: "The task exited with an exit code representing a failure",
        details: [{ name: "Message", value: `The task exited with code ${exit.exitCode}` }],
      };
  }
}

export function taskEnded(message: string): Failure {
  return { category: "UserError", code: "TaskEnded", message, details: [] };
}

/** Back to the queue because a client disabled the job or took the node away. */
export function afterDisable(task: Task, now: Date): Task {
  return { ...requeued(task, now), requeueCount: task.requeueCount + 1, lastRequeueTime: now };
}

/** Back to the queue because its run never began. */
export function afterRunReturn(task: Task, now: Date): ExitOutcome {
  return { task: backInQueue(task, now), jobAction: "none", neverBegan: true };
}

/** Back to the queue because a job of higher priority needs the slots, which the task's own job allows. */
export function afterPreemption(task: Task, now: Date): Task {
  return afterDisable(task, now);
}

/** Completed as failed by request, whether it runs or waits; it is not run again unless it is reactivated. */
export function afterTermination(task: Task, message: string, now: Date): Task {
  return { ...ended(task, now), failureInfo: taskEnded(message) };
}

/** Completed as failed because no node of its pool can ever run it, which its job asks for instead of a wait for ever. */
export function afterUnsatisfiable(task: Task, reason: string, now: Date): Task {
  return {
    ...ended(task, now),
    failureInfo: {
      category: "UserError",
      code: "TaskUnsatisfiable",
      message: "The task needs more than any compute node of its pool can have",
      details: [{ name: "Message", value: reason }],
    },
  };
}

/** Back to the queue because the node could not be prepared for the job; the task goes elsewhere. */
export function afterFailedPreparation(task: Task, now: Date): Task {
  return requeued(task, now);
}

function requeued(task: Task, now: Date): Task {
  return backInQueue(withRunCutShort(task, now), now);
}

function backInQueue(task: Task, now: Date): Task {
  return { ...offNode(moveTask(task, "requeue", now)), startTime: null, containerInfo: null };
}

function ended(task: Task, now: Date): Task {
  return {
    ...offNode(moveTask(withRunCutShort(task, now), "finish", now)),
    endTime: now,
    result: "failure",
    containerInfo: afterContainer(task.containerInfo),
  };
}

/** A container that ends with its run. */
export const afterContainer = (container: RunContainer | null): RunContainer | null =>
  container && { ...container, state: "exited" };

/** Back to the queue by request, as if it had never run. */
export function afterReactivation(task: Task, now: Date): Task {
  return {
    ...moveTask(task, "reactivate", now),
    retryCount: 0,
    lastRetryTime: null,
    internalRetryCount: 0,
    startTime: null,
    endTime: null,
    exitCode: null,
    result: null,
    failureInfo: null,
    containerInfo: null,
  };
}
