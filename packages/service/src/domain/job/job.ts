import { BatchError, type JobActionName, type JobAddParameter, type JobState, jobActions } from "@kyanite/contract";
import { after } from "../time.ts";
import { entered, nextState, type Transitions } from "../transitions.ts";

/** A job's request body with the documented defaults filled in. */
export type JobSpec = JobAddParameter;

export interface JobSchedulingError {
  readonly category: "UserError" | "ServerError";
  readonly code: string;
  readonly message: string;
  readonly details: readonly { readonly name: string; readonly value: string }[];
}

export interface Job {
  readonly pk: number;
  readonly accountPk: number;
  /** The schedule that made the job. */
  readonly jobSchedulePk: number | null;
  readonly id: string;
  readonly etag: string;
  readonly lastModified: Date;
  readonly creationTime: Date;
  readonly state: JobState;
  readonly stateTransitionTime: Date;
  readonly previousState: JobState | null;
  readonly previousStateTransitionTime: Date | null;
  readonly poolKey: string;
  readonly poolId: string;
  readonly priority: number;
  readonly maxParallelTasks: number;
  readonly usesTaskDependencies: boolean;
  readonly onAllTasksComplete: "noaction" | "terminatejob";
  readonly onTaskFailure: "noaction" | "performexitoptionsjobaction";
  readonly disableTasks: "requeue" | "terminate" | "wait" | null;
  readonly wallClockEnd: Date | null;
  readonly startTime: Date;
  readonly endTime: Date | null;
  readonly terminateReason: string | null;
  readonly schedulingError: JobSchedulingError | null;
  /** Whether a client asked to end the job without waiting for its nodes. */
  readonly isForced: boolean;
  /** When to look whether all tasks are complete, apart from the moments in which one completes. */
  readonly completionCheckTime: Date | null;
  readonly spec: JobSpec;
}

/** @throws BatchError when the job's state forbids the action */
export function checkJobAction(job: Pick<Job, "state">, action: JobActionName): void {
  const verdict = jobActions[action][job.state];
  if (verdict !== "allowed") throw new BatchError(verdict);
}

/** The states of a job that has not begun to end. */
export const openStates: readonly JobState[] = ["active", "disabling", "disabled", "enabling"];

export function isOpen(job: Pick<Job, "state">): boolean {
  return openStates.includes(job.state);
}

/**
 * A job that ends with its tasks and has none is complete, too. A client that creates such a job has this long to add
 * tasks.
 */
const completionCheckSeconds = 5;

export function nextCompletionCheck(onAllTasksComplete: Job["onAllTasksComplete"], now: Date): Date | null {
  return onAllTasksComplete === "terminatejob" ? after(now, completionCheckSeconds) : null;
}

type JobEvent = "disable" | "disabled" | "enable" | "enabled" | "terminate" | "terminated" | "fail" | "delete";

/** A job moves along this table and in no other way. */
export const jobTransitions: Transitions<JobState, JobEvent> = {
  active: { disable: "disabling", terminate: "terminating", fail: "completed", delete: "deleting" },
  disabling: {
    disable: "disabling",
    disabled: "disabled",
    enable: "enabling",
    terminate: "terminating",
    delete: "deleting",
  },
  disabled: { disable: "disabled", enable: "enabling", terminate: "terminating", delete: "deleting" },
  enabling: { enable: "enabling", enabled: "active", terminate: "terminating", delete: "deleting" },
  terminating: { terminated: "completed", delete: "deleting" },
  completed: { delete: "deleting" },
  deleting: {},
};

/** States the service passes through by itself; they never become a job's previous state. */
const settling: readonly JobState[] = ["disabling", "enabling", "terminating"];

/** Undefined when the table has no such transition. */
export function moveJob(job: Job, event: JobEvent, now: Date): Job | undefined {
  const state = nextState(jobTransitions, job.state, event);
  if (state === undefined || state === job.state) return state && job;
  return entered(job, state, now, settling);
}

/** What a job shows while it waits for its nodes to confirm that it has ended. */
export function awaitingNodes(nodes: number): JobSchedulingError {
  return {
    category: "ServerError",
    code: "JobTerminationAwaitingNodeProcessing",
    message: "The job is waiting for compute nodes to end its tasks",
    details: [{ name: "Number of nodes awaiting processing", value: String(nodes) }],
  };
}
