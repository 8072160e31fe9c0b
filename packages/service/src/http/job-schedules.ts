import { BatchError, type CloudJobSchedule } from "@kyanite/contract";
import type { Account } from "../domain/account.ts";
import { checkJobScheduleAction, type JobSchedule, jobIdOf, nextRunTime } from "../domain/job-schedule.ts";
import { patchedJobSchedule, replacedJobSchedule } from "../domain/new-job-schedule.ts";
import { isoTime } from "../domain/time.ts";
import { type Usage, usageStatistics } from "../domain/usage.ts";
import {
  addJobSchedule,
  beginDeleteJobSchedule,
  disableJobSchedule,
  enableJobSchedule,
  lockExistingJobSchedule,
  terminateJobSchedule,
  updateJobSchedule,
} from "../lifecycle/job-schedule.ts";
import { type Sql, transaction } from "../store/database.ts";
import { listJobSchedules, readJobSchedule } from "../store/job-schedules.ts";
import { listJobsOfSchedule } from "../store/jobs.ts";
import { readJobScheduleUsage } from "../store/usage.ts";
import type { HandlerContext, OperationHandlers } from "./context.ts";
import { jobUrl, pageOfJobs } from "./jobs.ts";
import { pageOf } from "./lists.ts";

export const jobScheduleHandlers = ({ database, quotas }: HandlerContext) =>
  ({
    JobSchedule_Add: async ({ account, body, baseUrl, now }) => {
      const entity = await transaction(database, (sql) => addJobSchedule(sql, account, body, { quotas, now }));
      return { entity, location: jobScheduleUrl(baseUrl, body.id) };
    },

    JobSchedule_Get: async ({ account, params, list, baseUrl, conditions, now }) => {
      const schedule = await readExistingJobSchedule(database, account, params.jobScheduleId);
      conditions.check(schedule);
      const usage = list.stats ? await readJobScheduleUsage(database, [schedule]) : undefined;
      return { body: cloudJobSchedule(schedule, { baseUrl, usage, now }), entity: schedule };
    },

    JobSchedule_Exists: async ({ account, params, conditions }) => {
      const schedule = await readExistingJobSchedule(database, account, params.jobScheduleId);
      conditions.check(schedule);
      return { entity: schedule };
    },

    JobSchedule_List: async ({ account, list, baseUrl, now }) => {
      const schedules = await listJobSchedules(database, account, { ...list, limit: list.limit + 1 });
      const usage = list.stats ? await readJobScheduleUsage(database, schedules) : undefined;
      return {
        body: pageOf(
          schedules,
          list.limit,
          ({ id }) => id.toLowerCase(),
          (schedule) => cloudJobSchedule(schedule, { baseUrl, usage, now }),
        ),
      };
    },

    JobSchedule_Patch: async ({ account, params, body, conditions, now }) => {
      const entity = await transaction(database, async (sql) => {
        const schedule = await lockExistingJobSchedule(sql, account, params.jobScheduleId);
        conditions.check(schedule);
        checkJobScheduleAction(schedule, "update");
        return updateJobSchedule(sql, patchedJobSchedule(schedule, body, { account, now }));
      });
      return { entity };
    },

    JobSchedule_Update: async ({ account, params, body, conditions, now }) => {
      const entity = await transaction(database, async (sql) => {
        const schedule = await lockExistingJobSchedule(sql, account, params.jobScheduleId);
        conditions.check(schedule);
        checkJobScheduleAction(schedule, "update");
        return updateJobSchedule(sql, replacedJobSchedule(schedule, body, { account, now }));
      });
      return { entity };
    },

    JobSchedule_Disable: async ({ account, params, conditions, now }) => {
      const entity = await transaction(database, async (sql) => {
        const schedule = await lockExistingJobSchedule(sql, account, params.jobScheduleId);
        conditions.check(schedule);
        return disableJobSchedule(sql, schedule, now);
      });
      return { entity };
    },

    JobSchedule_Enable: async ({ account, params, conditions, now }) => {
      const entity = await transaction(database, async (sql) => {
        const schedule = await lockExistingJobSchedule(sql, account, params.jobScheduleId);
        conditions.check(schedule);
        return enableJobSchedule(sql, schedule, now);
      });
      return { entity };
    },

    JobSchedule_Terminate: async ({ account, params, query, conditions, now }) => {
      const entity = await transaction(database, async (sql) => {
        const schedule = await lockExistingJobSchedule(sql, account, params.jobScheduleId);
        conditions.check(schedule);
        return terminateJobSchedule(sql, schedule, query.force ?? false, now);
      });
      return { entity };
    },

    JobSchedule_Delete: async ({ account, params, query, conditions, now }) => {
      await transaction(database, async (sql) => {
        const schedule = await lockExistingJobSchedule(sql, account, params.jobScheduleId);
        conditions.check(schedule);
        await beginDeleteJobSchedule(sql, schedule, query.force ?? false, now);
      });
      return {};
    },

    Job_ListFromJobSchedule: async ({ account, params, list, baseUrl, now }) => {
      const schedule = await readExistingJobSchedule(database, account, params.jobScheduleId);
      const jobs = await listJobsOfSchedule(database, schedule.pk, { ...list, limit: list.limit + 1 });
      return { body: await pageOfJobs(database, jobs, { list, baseUrl, now }) };
    },
  }) satisfies OperationHandlers;

async function readExistingJobSchedule(sql: Sql, account: Account, id: string): Promise<JobSchedule> {
  const schedule = await readJobSchedule(sql, account, id);
  if (!schedule) throw new BatchError("JobScheduleNotFound");
  return schedule;
}

function jobScheduleUrl(baseUrl: string, id: string): string {
  return `${baseUrl}/jobschedules/${id}`;
}

/** With what the jobs of schedules have used up, where that was asked for. */
interface View {
  readonly baseUrl: string;
  readonly usage: ReadonlyMap<number, Usage> | undefined;
  readonly now: Date;
}

function cloudJobSchedule(schedule: JobSchedule, { baseUrl, usage, now }: View): CloudJobSchedule {
  const url = jobScheduleUrl(baseUrl, schedule.id);
  return {
    ...schedule.spec,
    id: schedule.id,
    url,
    eTag: schedule.etag,
    lastModified: isoTime(schedule.lastModified),
    creationTime: isoTime(schedule.creationTime),
    state: schedule.state,
    stateTransitionTime: isoTime(schedule.stateTransitionTime),
    ...(schedule.previousState ? { previousState: schedule.previousState } : {}),
    ...(schedule.previousStateTransitionTime
      ? { previousStateTransitionTime: isoTime(schedule.previousStateTransitionTime) }
      : {}),
    executionInfo: executionInfo(schedule, baseUrl, now),
    ...(usage ? { stats: usageStatistics(usage.get(schedule.pk), { url, since: schedule.creationTime, now }) } : {}),
  };
}

function executionInfo(
  schedule: JobSchedule,
  baseUrl: string,
  now: Date,
): NonNullable<CloudJobSchedule["executionInfo"]> {
  const next = nextRunTime(schedule, now);
  const recentJobId = jobIdOf(schedule, schedule.jobCount);
  return {
    ...(next ? { nextRunTime: isoTime(next) } : {}),
    ...(schedule.jobCount > 0 ? { recentJob: { id: recentJobId, url: jobUrl(baseUrl, recentJobId) } } : {}),
    ...(schedule.endTime ? { endTime: isoTime(schedule.endTime) } : {}),
  };
}
