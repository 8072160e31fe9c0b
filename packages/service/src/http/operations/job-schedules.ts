import type { CloudJobSchedule } from "@kyanite/contract";
import {
  checkJobScheduleAction,
  type JobSchedule,
  jobIdOf,
  nextRunTime,
} from "../../domain/job-schedule/job-schedule.ts";
import { patchedJobSchedule, replacedJobSchedule } from "../../domain/job-schedule/new-job-schedule.ts";
import { type Usage, usageStatistics } from "../../domain/task/usage.ts";
import { isoTime } from "../../domain/time.ts";
import { checkDescriptions } from "../../domain/unsupported.ts";
import { lockExistingJobSchedule, readExistingJobSchedule } from "../../lifecycle/existing.ts";
import {
  addJobSchedule,
  beginDeleteJobSchedule,
  disableJobSchedule,
  enableJobSchedule,
  terminateJobSchedule,
  updateJobSchedule,
} from "../../lifecycle/job-schedule.ts";
import { listJobSchedules } from "../../store/job-schedules.ts";
import { listJobsOfSchedule } from "../../store/jobs.ts";
import { readJobScheduleUsage } from "../../store/usage.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { oneMore, pageOf } from "../lists.ts";
import { changing } from "./change.ts";
import { jobUrl, pageOfJobs } from "./jobs.ts";

export const jobScheduleHandlers = ({ database, quotas }: HandlerContext) => {
  const change = changing(lockExistingJobSchedule, (schedule) => schedule);
  return {
    JobSchedule_Add: async ({ account, body, baseUrl, now, transaction }) => {
      checkDescriptions(quotas.unsupportedProperties, "jobSchedule", body);
      const entity = await transaction((sql) => addJobSchedule(sql, account, body, { quotas, now }));
      return { entity, location: jobScheduleUrl(baseUrl, body.id) };
    },

    JobSchedule_Get: async ({ account, params, list, baseUrl, conditions, now }) => {
      const schedule = await readExistingJobSchedule(database, account, params);
      conditions.check(schedule);
      const usage = list.stats ? await readJobScheduleUsage(database, [schedule]) : undefined;
      return { body: cloudJobSchedule(schedule, { baseUrl, usage, now }), entity: schedule };
    },

    JobSchedule_Exists: async ({ account, params, conditions }) => {
      const schedule = await readExistingJobSchedule(database, account, params);
      conditions.check(schedule);
      return { entity: schedule };
    },

    JobSchedule_List: async ({ account, list, baseUrl, now }) => {
      const schedules = await listJobSchedules(database, account, oneMore(list));
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

    JobSchedule_Patch: async (call) => {
      const { account, body, now } = call;
      checkDescriptions(quotas.unsupportedProperties, "jobSchedule", body);
      const entity = await change(call, async (sql, schedule) => {
        checkJobScheduleAction(schedule, "update");
        return updateJobSchedule(sql, patchedJobSchedule(schedule, body, { account, now }));
      });
      return { entity };
    },

    JobSchedule_Update: async (call) => {
      const { account, body, now } = call;
      checkDescriptions(quotas.unsupportedProperties, "jobSchedule", body);
      const entity = await change(call, async (sql, schedule) => {
        checkJobScheduleAction(schedule, "update");
        return updateJobSchedule(sql, replacedJobSchedule(schedule, body, { account, now }));
      });
      return { entity };
    },

    JobSchedule_Disable: async (call) => {
      const { now } = call;
      const entity = await change(call, (sql, schedule) => disableJobSchedule(sql, schedule, now));
      return { entity };
    },

    JobSchedule_Enable: async (call) => {
      const { now } = call;
      const entity = await change(call, (sql, schedule) => enableJobSchedule(sql, schedule, now));
      return { entity };
    },

    JobSchedule_Terminate: async (call) => {
      const { query, now } = call;
      const entity = await change(call, (sql, schedule) =>
        terminateJobSchedule(sql, schedule, query.force ?? false, now),
      );
      return { entity };
    },

    JobSchedule_Delete: async (call) => {
      const { query, now } = call;
      await change(call, (sql, schedule) => beginDeleteJobSchedule(sql, schedule, query.force ?? false, now));
      return {};
    },

    Job_ListFromJobSchedule: async ({ account, params, list, baseUrl, now }) => {
      const schedule = await readExistingJobSchedule(database, account, params);
      const jobs = await listJobsOfSchedule(database, schedule.pk, oneMore(list));
      return { body: await pageOfJobs(database, jobs, { list, baseUrl, now }) };
    },
  } satisfies OperationHandlers;
};

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
