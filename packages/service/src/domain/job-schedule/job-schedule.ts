import {
  BatchError,
  type JobScheduleActionName,
  type JobScheduleAddParameter,
  type JobScheduleState,
  jobScheduleActions,
  parseDuration,
  type Schedule,
} from "@kyanite/contract";
import { after } from "../time.ts";
import { entered, nextState, type Transitions } from "../transitions.ts";
import { dueOccurrence, isOver, nextOccurrence, type Recurrence, wakeTime } from "./recurrence.ts";

/** A job schedule's request body with the documented defaults filled in; a PUT may have left out the schedule. */
export type JobScheduleSpec = Omit<JobScheduleAddParameter, "schedule"> & { readonly schedule?: Schedule };

export interface JobSchedule {
  readonly pk: number;
  readonly accountPk: number;
  readonly id: string;
  readonly etag: string;
  readonly lastModified: Date;
  readonly creationTime: Date;
  readonly state: JobScheduleState;
  readonly stateTransitionTime: Date;
  readonly previousState: JobScheduleState | null;
  readonly previousStateTransitionTime: Date | null;
  /** Where the occurrences begin: when the schedule was made or changed, unless it says. */
  readonly firstOccurrence: Date;
  /** The last occurrence that a job was made for. */
  readonly lastOccurrence: Date | null;
  /** From when on there may be something to do; never when null. */
  readonly wakeTime: Date | null;
  /** Jobs made so far: the number of the last one. */
  readonly jobCount: number;
  readonly endTime: Date | null;
  /** Whether a client asked to end the schedule without waiting for the nodes of its jobs. */
  readonly isForced: boolean;
  readonly spec: JobScheduleSpec;
}

export type NewJobSchedule = Omit<JobSchedule, "pk" | "etag">;

/** @throws BatchError when the schedule's state forbids the action */
export function checkJobScheduleAction(schedule: JobSchedule, action: JobScheduleActionName): void {
  const verdict = jobScheduleActions[action][schedule.state];
  if (verdict !== "allowed") throw new BatchError(verdict);
}

type JobScheduleEvent = "disable" | "enable" | "terminate" | "complete" | "delete";

/** A job schedule moves along this table and in no other way. */
export const jobScheduleTransitions: Transitions<JobScheduleState, JobScheduleEvent> = {
  active: {
    disable: "disabled",
    enable: "active",
    terminate: "terminating",
    complete: "completed",
    delete: "deleting",
  },
  disabled: { disable: "disabled", enable: "active", terminate: "terminating", delete: "deleting" },
  terminating: { terminate: "terminating", complete: "completed", delete: "deleting" },
  completed: { delete: "deleting" },
  deleting: { delete: "deleting" },
};

/** Undefined when the table has no such transition. `terminating`, which is left by itself, is no previous state. */
export function moveJobSchedule(schedule: JobSchedule, event: JobScheduleEvent, now: Date): JobSchedule | undefined {
  const state = nextState(jobScheduleTransitions, schedule.state, event);
  if (state === undefined) return undefined;
  if (state === schedule.state) return awaiting(schedule, now);
  const ended = state === "completed" ? { endTime: now } : {};
  return awaiting({ ...entered(schedule, state, now, ["terminating"]), ...ended }, now);
}

/** The schedule with the time at which it has to be looked at again. */
export function awaiting<T extends NewJobSchedule>(schedule: T, now: Date): T {
  switch (schedule.state) {
    case "active":
      return { ...schedule, wakeTime: wakeTime(recurrenceOf(schedule), now) };
    case "terminating":
    case "deleting":
      return { ...schedule, wakeTime: now };
    case "disabled":
    case "completed":
      return { ...schedule, wakeTime: null };
  }
}

const quotaPauseSeconds = 5;

/** The schedule after the account had no room for one more job: it tries again soon. */
export function postponed(schedule: JobSchedule, now: Date): JobSchedule {
  return { ...schedule, wakeTime: after(now, quotaPauseSeconds) };
}

function recurrenceOf({ firstOccurrence, lastOccurrence, spec }: NewJobSchedule): Recurrence {
  const { recurrenceInterval, startWindow, doNotRunAfter } = spec.schedule ?? {};
  return {
    firstOccurrence,
    lastOccurrence,
    intervalSeconds: secondsOf(recurrenceInterval),
    startWindowSeconds: secondsOf(startWindow),
    doNotRunAfter: doNotRunAfter === undefined ? null : new Date(doNotRunAfter),
  };
}

function secondsOf(duration: string | undefined): number | null {
  return duration === undefined ? null : (parseDuration(duration) ?? null);
}

/** What an active schedule none of whose jobs runs has to do. */
export type JobScheduleStep =
  | { readonly kind: "makeJob"; readonly occurrence: Date }
  | { readonly kind: "complete" }
  | { readonly kind: "wait" };

export function nextStep(schedule: JobSchedule, now: Date): JobScheduleStep {
  const recurrence = recurrenceOf(schedule);
  const occurrence = dueOccurrence(recurrence, now);
  if (occurrence) return { kind: "makeJob", occurrence };
  return isOver(recurrence, now) ? { kind: "complete" } : { kind: "wait" };
}

/** The schedule once a job has been made for an occurrence. */
export function afterJobMade(schedule: JobSchedule, occurrence: Date, now: Date): JobSchedule {
  return awaiting({ ...schedule, lastOccurrence: occurrence, jobCount: schedule.jobCount + 1 }, now);
}

/** When the next job is due; none unless the schedule is active. */
export function nextRunTime(schedule: JobSchedule, now: Date): Date | undefined {
  return schedule.state === "active" ? nextOccurrence(recurrenceOf(schedule), now) : undefined;
}

/** The id of the n-th job that a schedule makes. Only such ids have a colon. */
export function jobIdOf({ id }: Pick<JobSchedule, "id">, number: number): string {
  return `${id}:job-${number}`;
}
