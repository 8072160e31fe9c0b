import { BatchError, type CloudTask, type TaskAddResult } from "@kyanite/contract";
import type { Account } from "../../domain/account/account.ts";
import { checkJobAction, type Job } from "../../domain/job/job.ts";
import { affinityId } from "../../domain/node/node-id.ts";
import { taskDirectory } from "../../domain/run/directories.ts";
import { unsatisfiedDependencies } from "../../domain/task/open-dependency.ts";
import type { Task } from "../../domain/task/task.ts";
import { taskStatistics } from "../../domain/task/usage.ts";
import { isoTime } from "../../domain/time.ts";
import { lockExistingTask, readExistingJob, readExistingTask } from "../../lifecycle/existing.ts";
import {
  type AddedTask,
  addTasks,
  reactivateTask,
  removeTask,
  terminateTask,
  updateTask,
} from "../../lifecycle/task.ts";
import type { Sql } from "../../store/database.ts";
import { readOpenDependencies } from "../../store/dependencies.ts";
import { lockJobForTasks } from "../../store/jobs.ts";
import { listTasks } from "../../store/tasks.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { errorBody } from "../errors.ts";
import type { ListRequest } from "../handler.ts";
import { oneMore, pageOf } from "../lists.ts";
import { changed, changing } from "./change.ts";
import { jobUrl } from "./jobs.ts";
import { poolUrl } from "./pools.ts";

export const taskHandlers = ({ database }: HandlerContext) => {
  const change = changing(lockExistingTask, ({ task }) => task);
  return {
    Task_Add: async ({ account, params, body, baseUrl, traceParent, now, transaction }) => {
      const added = await transaction(async (sql) => {
        const job = await jobForTasks(sql, account, params.jobId);
        return addTasks(sql, job, [{ id: body.id, body }], now, traceParent);
      });
      const [task] = added;
      if (!task || "error" in task) throw task?.error ?? new BatchError("InternalError");
      return { entity: { etag: task.etag, lastModified: now }, location: taskUrl(baseUrl, params.jobId, body.id) };
    },

    Task_AddCollection: async ({ account, params, body, baseUrl, requestId, traceParent, now, transaction }) => {
      const added = await transaction(async (sql) => {
        const job = await jobForTasks(sql, account, params.jobId);
        return addTasks(sql, job, body.value, now, traceParent);
      });
      return {
        body: { items: added.map((task) => addResult(task, taskUrl(baseUrl, params.jobId, task.id), requestId, now)) },
      };
    },

    Task_Get: async ({ account, params, list, baseUrl, conditions, now }) => {
      const { job, task } = await readExistingTask(database, account, params);
      conditions.check(task);
      return {
        body: {
          ...cloudTask(task, job, baseUrl),
          ...statsOf(task, job, list, { baseUrl, now }),
          ...(await waitOf(database, task)),
        },
        entity: task,
      };
    },

    Task_List: async ({ account, params, list, baseUrl, now }) => {
      const job = await readExistingJob(database, account, params);
      const tasks = await listTasks(database, job, oneMore(list));
      return {
        body: pageOf(
          tasks,
          list.limit,
          ({ id }) => id.toLowerCase(),
          (task) => ({ ...cloudTask(task, job, baseUrl), ...statsOf(task, job, list, { baseUrl, now }) }),
        ),
      };
    },

    Task_Update: async (call) => {
      const { body, now } = call;
      const entity = await change(call, async (sql, { job, task }) => {
        checkJobAction(job, "updateTask");
        return updateTask(sql, task, body, now);
      });
      return changed(entity, now);
    },

    Task_Terminate: async (call) => {
      const { now } = call;
      const entity = await change(call, async (sql, { job, task }) => {
        checkJobAction(job, "terminateTask");
        return terminateTask(sql, task, now);
      });
      return changed(entity, now);
    },

    Task_Reactivate: async (call) => {
      const { now } = call;
      const entity = await change(call, async (sql, { job, task }) => {
        checkJobAction(job, "reactivateTask");
        return reactivateTask(sql, task, now);
      });
      return changed(entity, now);
    },

    Task_Delete: async (call) => {
      const { now } = call;
      await change(call, async (sql, { job, task }) => {
        checkJobAction(job, "deleteTask");
        await removeTask(sql, job, task, now);
      });
      return {};
    },
  } satisfies OperationHandlers;
};

async function jobForTasks(sql: Sql, account: Account, jobId: string): Promise<Job> {
  const job = await lockJobForTasks(sql, account, jobId);
  if (!job) throw new BatchError("JobNotFound");
  checkJobAction(job, "addTask");
  return job;
}

export function taskUrl(baseUrl: string, jobId: string, taskId: string): string {
  return `${jobUrl(baseUrl, jobId)}/tasks/${taskId}`;
}

/** A task's statistics, if the request asks for them. */
function statsOf(
  task: Task,
  job: Job,
  { stats }: Pick<ListRequest, "stats">,
  { baseUrl, now }: { readonly baseUrl: string; readonly now: Date },
): Pick<CloudTask, "stats"> {
  if (!stats) return {};
  return { stats: taskStatistics(task, now, taskUrl(baseUrl, job.id, task.id)) };
}

/** What a task waits for, if it does. */
async function waitOf(sql: Sql, task: Task): Promise<Pick<CloudTask, "unsatisfiedDependencies">> {
  if (task.state !== "active" || task.waitingFor === 0) return {};
  const dependencies = unsatisfiedDependencies(task.pk, await readOpenDependencies(sql, task));
  return dependencies.length === 0 ? {} : { unsatisfiedDependencies: dependencies };
}

function addResult(task: AddedTask, location: string, requestId: string, now: Date): TaskAddResult {
  if ("error" in task) return { status: "clienterror", taskId: task.id, error: errorBody(task.error, requestId, now) };
  return { status: "success", taskId: task.id, eTag: task.etag, lastModified: isoTime(now), location };
}

function cloudTask(task: Task, job: Job, baseUrl: string): CloudTask {
  return {
    ...task.spec,
    id: task.id,
    url: taskUrl(baseUrl, job.id, task.id),
    eTag: task.etag,
    creationTime: isoTime(task.creationTime),
    lastModified: isoTime(task.lastModified),
    state: task.state,
    stateTransitionTime: isoTime(task.stateTransitionTime),
    ...(task.previousState ? { previousState: task.previousState } : {}),
    ...(task.previousStateTransitionTime
      ? { previousStateTransitionTime: isoTime(task.previousStateTransitionTime) }
      : {}),
    executionInfo: executionInfo(task),
    ...(task.nodeInfo && task.state !== "active"
      ? { nodeInfo: taskNodeInfo(task.nodeInfo, taskDirectory(job.id, task.id), baseUrl) }
      : {}),
  };
}

/** How a task went so far. */
export function executionInfo(task: Task): NonNullable<CloudTask["executionInfo"]> {
  const isOver = task.state === "completed";
  return {
    ...(task.startTime ? { startTime: isoTime(task.startTime) } : {}),
    ...(task.endTime ? { endTime: isoTime(task.endTime) } : {}),
    ...(isOver && task.exitCode !== null ? { exitCode: task.exitCode } : {}),
    ...(task.containerInfo ? { containerInfo: task.containerInfo } : {}),
    ...(task.failureInfo ? { failureInfo: task.failureInfo } : {}),
    retryCount: task.retryCount,
    ...(task.lastRetryTime ? { lastRetryTime: isoTime(task.lastRetryTime) } : {}),
    requeueCount: task.requeueCount,
    ...(task.lastRequeueTime ? { lastRequeueTime: isoTime(task.lastRequeueTime) } : {}),
    ...(task.result ? { result: task.result } : {}),
  };
}

export function taskNodeInfo(
  { poolId, nodeId }: NonNullable<Task["nodeInfo"]>,
  directory: string,
  baseUrl: string,
): NonNullable<CloudTask["nodeInfo"]> {
  const nodeUrl = `${poolUrl(baseUrl, poolId)}/nodes/${nodeId}`;
  return {
    affinityId: affinityId(nodeId),
    nodeUrl,
    poolId,
    nodeId,
    taskRootDirectory: directory,
    taskRootDirectoryUrl: `${nodeUrl}/files/${directory}`,
  };
}
