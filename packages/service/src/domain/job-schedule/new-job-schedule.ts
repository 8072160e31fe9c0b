import {
  invalidProperty,
  type JobScheduleAddParameter,
  type JobSchedulePatchParameter,
  type JobScheduleUpdateParameter,
  type JobSpecification,
  type Schedule,
} from "@kyanite/contract";
import type { Account } from "../account/account.ts";
import { newJob } from "../job/new-job.ts";
import { below } from "../property-path.ts";
import { awaiting, type JobSchedule, type JobScheduleSpec, type NewJobSchedule } from "./job-schedule.ts";

/**
 * The job schedule that a request asks for.
 * @throws BatchError with the property and the rule it breaks
 */
export function newJobSchedule(body: JobScheduleAddParameter, account: Account, now: Date): NewJobSchedule {
  const spec = checkedSpec(body, account, now);
  return awaiting(
    {
      accountPk: account.pk,
      id: body.id,
      lastModified: now,
      creationTime: now,
      state: "active",
      stateTransitionTime: now,
      previousState: null,
      previousStateTransitionTime: null,
      firstOccurrence: firstOccurrence(body.schedule, now),
      lastOccurrence: null,
      wakeTime: null,
      jobCount: 0,
      endTime: null,
      isForced: false,
      spec,
    },
    now,
  );
}

/** Who changes a schedule, and when. */
interface Change {
  readonly account: Account;
  readonly now: Date;
}

/**
 * The schedule after a PATCH: what is given replaces what was there. Jobs made before are not affected.
 * @throws BatchError with the property and the rule it breaks
 */
export function patchedJobSchedule(
  schedule: JobSchedule,
  body: JobSchedulePatchParameter,
  change: Change,
): JobSchedule {
  return changedJobSchedule(schedule, { ...schedule.spec, ...body }, change);
}

/**
 * The schedule after a PUT: what is left out goes. Without a schedule one job is made at once.
 * @throws BatchError with the property and the rule it breaks
 */
export function replacedJobSchedule(
  schedule: JobSchedule,
  { schedule: recurrence, jobSpecification, metadata }: JobScheduleUpdateParameter,
  change: Change,
): JobSchedule {
  const { schedule: _, metadata: __, ...kept } = schedule.spec;
  const spec = {
    ...kept,
    jobSpecification,
    ...(recurrence === undefined ? {} : { schedule: recurrence }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  return changedJobSchedule(schedule, spec, change);
}

/** A changed recurrence begins anew, at the change unless it says; an occurrence that was used is not used again. */
function changedJobSchedule(schedule: JobSchedule, spec: JobScheduleSpec, { account, now }: Change): JobSchedule {
  const { schedule: before } = schedule.spec;
  const isSame = before && spec.schedule && JSON.stringify(before) === JSON.stringify(spec.schedule);
  return awaiting(
    {
      ...schedule,
      lastModified: now,
      firstOccurrence: isSame ? schedule.firstOccurrence : firstOccurrence(spec.schedule, now),
      spec: checkedSpec(spec, account, now),
    },
    now,
  );
}

function firstOccurrence(schedule: Schedule | undefined, now: Date): Date {
  return schedule?.doNotRunUntil === undefined ? now : new Date(schedule.doNotRunUntil);
}

function checkedSpec(spec: JobScheduleSpec, account: Account, now: Date): JobScheduleSpec {
  const { doNotRunUntil, doNotRunAfter } = spec.schedule ?? {};
  if (doNotRunUntil !== undefined && doNotRunAfter !== undefined && new Date(doNotRunAfter) <= new Date(doNotRunUntil))
    throw invalidProperty("schedule.doNotRunAfter", doNotRunAfter, "It has to be later than doNotRunUntil");
  return { ...spec, jobSpecification: checkedSpecification(spec, account, now) };
}

/** What makes up the jobs of a schedule, with the defaults of a job. */
function checkedSpecification(
  { id, jobSpecification }: JobScheduleSpec,
  account: Account,
  now: Date,
): JobSpecification {
  const { id: _, ...checked } = below("jobSpecification", () => newJob({ ...jobSpecification, id }, account, now).spec);
  return checked;
}
