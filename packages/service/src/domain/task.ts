import type { Failure, RunExit, TaskAddParameter, TaskState } from "@kyanite/contract";
import { exitOptions } from "./exit-options.ts";
import type { Job } from "./job.ts";

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
  readonly waitingFor: number;
  readonly isSatisfied: boolean;
  readonly retryCount: number;
  readonly lastRetryTime: Date | null;
  readonly requeueCount: number;
  readonly lastRequeueTime: Date | null;
  readonly internalRetryCount: number;
  readonly startTime: Date | null;
  readonly endTime: Date | null;
  readonly exitCode: number | null;
  readonly result: "success" | "failure" | null;
  readonly failureInfo: Failure | null;
  readonly nodePk: number | null;
  readonly runId: string | null;
  readonly nodeInfo: TaskNodeInfo | null;
  readonly spec: TaskSpec;
}

type TaskEvent = "prepare" | "start" | "retry" | "requeue" | "finish" | "reactivate";

/** A task moves along this table and in no other way. */
export const taskTransitions = {
  active: { prepare: "preparing", start: "running", finish: "completed" },
  preparing: { start: "running", requeue: "active", finish: "completed" },
  running: { retry: "running", requeue: "active", finish: "completed" },
  completed: { reactivate: "active" },
} as const satisfies Record<TaskState, Partial<Record<TaskEvent, TaskState>>>;

/** The states in which an event is allowed, for statements that move many tasks at once. */
export function taskStatesBefore(event: TaskEvent): TaskState[] {
  const states: TaskState[] = ["active", "preparing", "running", "completed"];
  return states.filter((state) => event in taskTransitions[state]);
}

/**
 * The task after an event; everything else a transition implies is the caller's.
 * @throws RangeError when the table has no such transition: a caller asks only for what it knows to be allowed.
 */
function moveTask(task: Task, event: TaskEvent, now: Date): Task {
  const moves: Partial<Record<TaskEvent, TaskState>> = taskTransitions[task.state];
  const state = moves[event];
  if (state === undefined) throw new RangeError(`a task that is ${task.state} cannot ${event}`);
  if (state === task.state) return task;
  return {
    ...task,
    state,
    stateTransitionTime: now,
    previousState: task.state,
    previousStateTransitionTime: task.stateTransitionTime,
  };
}

/** How often the service starts a task again through no fault of its own before it gives up. */
export const maxInternalRetries = 10;

/** What a run's end means for its task, and for the job and the tasks that depend on it. */
export interface ExitOutcome {
  readonly task: Task;
  readonly jobAction: "none" | "disable" | "terminate";
}

/** The end of a run as an agent reported it; times are the node's. */
export interface RunEnd {
  readonly exit: RunExit;
  readonly startTime: Date;
  readonly endTime: Date;
}

/**
 * Decides what follows from the end of a run: another try on the same node, or completion with the exit conditions'
 * actions. Only a non-zero exit is tried again; a failure before or after the command, or a wall clock that ran out,
 * never is.
 */
export function afterExit(task: Task, job: Pick<Job, "onTaskFailure">, end: RunEnd, now: Date): ExitOutcome {
  if (end.exit.kind === "exited" && end.exit.exitCode !== 0 && mayRetry(task)) {
    const retried = moveTask(task, "retry", now);
    return {
      task: {
        ...retried,
        runId: null,
        retryCount: task.retryCount + 1,
        lastRetryTime: now,
        exitCode: end.exit.exitCode,
      },
      jobAction: "none",
    };
  }
  const failure = failureOf(end.exit);
  const options = exitOptions(task.spec.exitConditions, end.exit, job.onTaskFailure === "performexitoptionsjobaction");
  const completed = moveTask(task, "finish", now);
  return {
    task: {
      ...completed,
      startTime: end.startTime,
      endTime: end.endTime,
      exitCode: end.exit.kind === "failed" ? null : (end.exit.exitCode ?? null),
      result: failure ? "failure" : "success",
      failureInfo: failure ?? null,
      isSatisfied: options.dependencyAction === "satisfy",
      nodePk: null,
      runId: null,
    },
    jobAction: options.jobAction,
  };
}

function mayRetry(task: Task): boolean {
  const limit = task.spec.constraints?.maxTaskRetryCount ?? 0;
  return limit === -1 || task.retryCount < limit;
}

/** Back to the queue because the node is lost: not the task's fault, so no retry is spent. */
export function afterNodeLoss(task: Task, now: Date): Task {
  if (task.internalRetryCount >= maxInternalRetries)
    return {
      ...moveTask(task, "finish", now),
      endTime: now,
      result: "failure",
      failureInfo: {
        category: "ServerError",
        code: "MaxInternalRetryCountReached",
        message: "The task was started again too often because its compute nodes were lost",
        details: [],
      },
      nodePk: null,
      runId: null,
    };
  return {
    ...moveTask(task, "requeue", now),
    internalRetryCount: task.internalRetryCount + 1,
    startTime: null,
    nodePk: null,
    runId: null,
  };
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
  return {
    ...moveTask(task, "requeue", now),
    requeueCount: task.requeueCount + 1,
    lastRequeueTime: now,
    startTime: null,
    nodePk: null,
    runId: null,
  };
}

/** Completed as failed by request, whether it runs or waits; it is not run again unless it is reactivated. */
export function afterTermination(task: Task, message: string, now: Date): Task {
  return {
    ...moveTask(task, "finish", now),
    endTime: now,
    result: "failure",
    failureInfo: taskEnded(message),
    nodePk: null,
    runId: null,
  };
}

/** Back to the queue by request, as if it had never run. */
export function afterReactivation(task: Task, now: Date): Task {
  return {
    ...moveTask(task, "reactivate", now),
    retryCount: 0,
    lastRetryTime: null,
    startTime: null,
    endTime: null,
    exitCode: null,
    result: null,
    failureInfo: null,
  };
}
