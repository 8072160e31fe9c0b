import { BatchError, type CloudJob, type JobPreparationAndReleaseTaskExecutionInformation } from "@kyanite/contract";
import { checkJobAction, type Job } from "../../domain/job/job.ts";
import { preparationId, releaseId } from "../../domain/job/job-tasks.ts";
import { newJob } from "../../domain/job/new-job.ts";
import type { Preparation } from "../../domain/job/preparation.ts";
import { patchedJob, replacedJob } from "../../domain/job/update-job.ts";
import { checkLifetimeWithoutSchedule } from "../../domain/pool/auto-pool.ts";
import { taskDirectory } from "../../domain/run/directories.ts";
import { usageStatistics } from "../../domain/task/usage.ts";
import { isoTime } from "../../domain/time.ts";
import { checkDescriptions } from "../../domain/unsupported.ts";
import { lockExistingJob, readExistingJob } from "../../lifecycle/existing.ts";
import { beginDeleteJob, disableJob, enableJob, terminateJob, updateJob } from "../../lifecycle/job.ts";
import { addJob } from "../../lifecycle/new-job.ts";
import type { Sql } from "../../store/database.ts";
import { listJobs } from "../../store/jobs.ts";
import { listPreparations } from "../../store/preparations.ts";
import { readTaskCounts } from "../../store/tasks.ts";
import { readAccountUsage, readJobUsage } from "../../store/usage.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import type { ListRequest, Page } from "../handler.ts";
import { oneMore, pageOf } from "../lists.ts";
import { changed, changing } from "./change.ts";
import { poolUrl } from "./pools.ts";

export const jobHandlers = ({ database, quotas }: HandlerContext) => {
  const change = changing(lockExistingJob, (job) => job);
  return {
    Job_Add: async ({ account, body, baseUrl, now, transaction }) => {
      checkDescriptions(quotas.unsupportedProperties, "job", body);
      checkLifetimeWithoutSchedule(body.poolInfo);
      const job = newJob(body, account, now);
      const added = await transaction((sql) => addJob(sql, account, job, { quotas, now }));
      return { entity: { ...added, lastModified: now }, location: jobUrl(baseUrl, job.id) };
    },

    Job_Get: async ({ account, params, list, baseUrl, conditions, now }) => {
      const job = await readExistingJob(database, account, params);
      conditions.check(job);
      const statsOf = await jobStatistics(database, [job], { isWanted: list.stats, baseUrl, now });
      return { body: { ...cloudJob(job, baseUrl), ...statsOf(job) }, entity: job };
    },

    Job_List: async ({ account, list, baseUrl, now }) => {
      const jobs = await listJobs(database, account, oneMore(list));
      return { body: await pageOfJobs(database, jobs, { list, baseUrl, now }) };
    },

    Job_Patch: async (call) => {
      const { account, body, now } = call;
      checkDescriptions(quotas.unsupportedProperties, "job", body);
      const entity = await change(call, async (sql, job) => {
        checkJobAction(job, "update");
        return updateJob(sql, account, patchedJob(job, body, now), { quotas, now });
      });
      return changed(entity, now);
    },

    Job_Update: async (call) => {
      const { account, body, now } = call;
      checkDescriptions(quotas.unsupportedProperties, "job", body);
      const entity = await change(call, async (sql, job) => {
        checkJobAction(job, "update");
        return updateJob(sql, account, replacedJob(job, body, now), { quotas, now });
      });
      return changed(entity, now);
    },

    Job_Delete: async (call) => {
      const { query, now } = call;
      await change(call, (sql, job) => beginDeleteJob(sql, job, query.force ?? false, now));
      return {};
    },

    Job_Terminate: async (call) => {
      const { query, body, now } = call;
      const entity = await change(call, async (sql, job) => {
        const reason = body?.terminateReason ?? "UserTerminate";
        return terminateJob(sql, job, { by: "client", reason, force: query.force ?? false }, now);
      });
      return changed(entity, now);
    },

    Job_Disable: async (call) => {
      const { body, now } = call;
      const entity = await change(call, (sql, job) => disableJob(sql, job, body.disableTasks, "client", now));
      return changed(entity, now);
    },

    Job_Enable: async (call) => {
      const { now } = call;
      const entity = await change(call, (sql, job) => enableJob(sql, job, now));
      return changed(entity, now);
    },

    Job_GetAllLifetimeStatistics: async ({ account, baseUrl, now }) => {
      const { usage, since } = await readAccountUsage(database, account);
      return { body: usageStatistics(usage, { url: `${baseUrl}/lifetimejobstats`, since, now }) };
    },

    Job_ListPreparationAndReleaseTaskStatus: async ({ account, params, list, baseUrl }) => {
      const job = await readExistingJob(database, account, params);
      if (!job.spec.jobPreparationTask) throw new BatchError("JobPreparationTaskOrReleaseTaskNotSpecified");
      const preparations = await listPreparations(database, job, oneMore(list));
      return {
        body: pageOf(
          preparations,
          list.limit,
          ({ nodeId }) => nodeId,
          (preparation) => preparationStatus(preparation, job, baseUrl),
        ),
      };
    },

    Job_GetTaskCounts: async ({ account, params }) => {
      const job = await readExistingJob(database, account, params);
      const counts = await readTaskCounts(database, job);
      return {
        body: {
          taskCounts: {
            active: counts.active,
            running: counts.running,
            completed: counts.succeeded + counts.failed,
            succeeded: counts.succeeded,
            failed: counts.failed,
          },
          taskSlotCounts: {
            active: counts.activeSlots,
            running: counts.runningSlots,
            completed: counts.succeededSlots + counts.failedSlots,
            succeeded: counts.succeededSlots,
            failed: counts.failedSlots,
          },
          ...(counts.allWaitForOthers ? { allWaitForOthers: true } : {}),
        },
      };
    },
  } satisfies OperationHandlers;
};

function preparationStatus(
  { poolId, nodeId, preparationInfo, releaseInfo }: Preparation,
  job: Job,
  baseUrl: string,
): JobPreparationAndReleaseTaskExecutionInformation {
  const nodeUrl = `${poolUrl(baseUrl, poolId)}/nodes/${nodeId}`;
  const directories = (taskId: string) => {
    const taskRootDirectory = taskDirectory(job.id, taskId);
    return { taskRootDirectory, taskRootDirectoryUrl: `${nodeUrl}/files/${taskRootDirectory}` };
  };
  return {
    poolId,
    nodeId,
    nodeUrl,
    jobPreparationTaskExecutionInfo: { ...preparationInfo, ...directories(preparationId(job.spec)) },
    ...(releaseInfo ? { jobReleaseTaskExecutionInfo: { ...releaseInfo, ...directories(releaseId(job.spec)) } } : {}),
  };
}

export function jobUrl(baseUrl: string, jobId: string): string {
  return `${baseUrl}/jobs/${jobId}`;
}

/** What is asked of a page of jobs. */
interface JobPageRequest {
  readonly list: ListRequest;
  readonly baseUrl: string;
  readonly now: Date;
}

/** A page of jobs, with statistics where they were asked for. */
export async function pageOfJobs(
  sql: Sql,
  jobs: readonly Job[],
  { list, baseUrl, now }: JobPageRequest,
): Promise<Page<CloudJob>> {
  const statsOf = await jobStatistics(sql, jobs, { isWanted: list.stats, baseUrl, now });
  return pageOf(
    jobs,
    list.limit,
    ({ id }) => id.toLowerCase(),
    (job) => ({ ...cloudJob(job, baseUrl), ...statsOf(job) }),
  );
}

async function jobStatistics(
  sql: Sql,
  jobs: readonly Job[],
  { isWanted, baseUrl, now }: { readonly isWanted: boolean; readonly baseUrl: string; readonly now: Date },
): Promise<(job: Job) => Pick<CloudJob, "stats">> {
  if (!isWanted) return () => ({});
  const usage = await readJobUsage(sql, jobs);
  return ({ pk, id, creationTime: since }) => ({
    stats: usageStatistics(usage.get(pk), { url: jobUrl(baseUrl, id), since, now }),
  });
}

function cloudJob(job: Job, baseUrl: string): CloudJob {
  return {
    ...job.spec,
    id: job.id,
    url: jobUrl(baseUrl, job.id),
    eTag: job.etag,
    lastModified: isoTime(job.lastModified),
    creationTime: isoTime(job.creationTime),
    state: job.state,
    stateTransitionTime: isoTime(job.stateTransitionTime),
    ...(job.previousState ? { previousState: job.previousState } : {}),
    ...(job.previousStateTransitionTime
      ? { previousStateTransitionTime: isoTime(job.previousStateTransitionTime) }
      : {}),
    priority: job.priority,
    maxParallelTasks: job.maxParallelTasks,
    onAllTasksComplete: job.onAllTasksComplete,
    onTaskFailure: job.onTaskFailure,
    executionInfo: {
      startTime: isoTime(job.startTime),
      ...(job.endTime ? { endTime: isoTime(job.endTime) } : {}),
      ...(job.poolId === "" ? {} : { poolId: job.poolId }),
      ...(job.schedulingError
        ? { schedulingError: { ...job.schedulingError, details: [...job.schedulingError.details] } }
        : {}),
      ...(job.terminateReason === null ? {} : { terminateReason: job.terminateReason }),
    },
  };
}
