import { taskUsage } from "../../domain/task/usage.ts";
import { readExistingTask } from "../../lifecycle/existing.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";

export const taskUsageHandlers = ({ database }: HandlerContext) =>
  ({
    Task_GetUsage: async ({ account, params }) => {
      const { job, task } = await readExistingTask(database, account, params);
      return { body: taskUsage(task, job.id) };
    },
  }) satisfies OperationHandlers;
