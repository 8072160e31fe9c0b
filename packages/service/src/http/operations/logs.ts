import { BatchError } from "@kyanite/contract";
import { taskDirectory } from "../../domain/run/directories.ts";
import { isRetentionOver } from "../../domain/task/retention.ts";
import { readExistingJob, readExistingTask } from "../../lifecycle/existing.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { followJob, followTask } from "../logs/answer.ts";
import { belowRoot } from "../logs/paths.ts";

/** Several files in one stream. */
export const logHandlers = (context: HandlerContext) =>
  ({
    Task_GetLogs: async (call) => {
      const { account, params, query, now } = call;
      const files = filesOf(query.files);
      const { job, task } = await readExistingTask(context.database, account, params);
      return followTask(
        {
          task,
          directory: taskDirectory(job.id, task.id),
          files,
          isLive: query.follow ?? false,
          retries: query.retries ?? false,
          start: query.tail === undefined ? { offset: 0 } : { tail: query.tail },
          isCleanedUp: isRetentionOver(task, now),
        },
        call,
        context,
      );
    },
    Job_GetLogs: async (call) => {
      const { account, params, query } = call;
      const job = await readExistingJob(context.database, account, params);
      const request = {
        jobPk: job.pk,
        jobId: job.id,
        files: filesOf(query.files),
        isLive: query.follow ?? false,
        failed: query.failed ?? false,
        contains: query.contains || undefined,
        taskIdPrefix: query.taskIdPrefix ?? "",
      };
      return followJob(request, call, context);
    },
  }) satisfies OperationHandlers;

const mostFiles = 4;

/** @throws BatchError InvalidQueryParameterValue, InvalidUri */
function filesOf(text = "stdout.txt,stderr.txt"): readonly string[] {
  const files = text.split(",").map((path) => belowRoot(path.trim()));
  if (files.length <= mostFiles && new Set(files).size === files.length && files.every((path) => path !== ""))
    return files;
  throw new BatchError("InvalidQueryParameterValue", {
    QueryParameterName: "files",
    QueryParameterValue: text.slice(0, 256),
    Reason: `Expected 1 to ${mostFiles} different paths, separated by commas`,
  });
}
