import type { JobAddParameter, JobState } from "@kyanite/contract";

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
  readonly spec: JobSpec;
}

type JobEvent = "disable" | "disabled" | "enable" | "enabled" | "terminate" | "terminated" | "fail" | "delete";

/** A job moves along this table and in no other way. */
export const jobTransitions = {
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
} as const satisfies Record<JobState, Partial<Record<JobEvent, JobState>>>;

/** States the service passes through by itself; they never become a job's previous state. */
const settling: readonly JobState[] = ["disabling", "enabling", "terminating"];

/** Undefined when the table has no such transition. */
export function moveJob(job: Job, event: JobEvent, now: Date): Job | undefined {
  const moves: Partial<Record<JobEvent, JobState>> = jobTransitions[job.state];
  const state = moves[event];
  if (state === undefined) return undefined;
  if (state === job.state) return job;
  const previous = settling.includes(job.state)
    ? { previousState: job.previousState, previousStateTransitionTime: job.previousStateTransitionTime }
    : { previousState: job.state, previousStateTransitionTime: job.stateTransitionTime };
  return { ...job, ...previous, state, stateTransitionTime: now };
}
