import type { HandlerContext, OperationHandlers } from "../context.ts";
import { accountExplanation } from "../explanations/account.ts";
import { jobExplanation } from "../explanations/job.ts";
import { nodeExplanation } from "../explanations/node.ts";
import { poolExplanation } from "../explanations/pool.ts";
import { scheduleExplanation } from "../explanations/schedule.ts";
import { taskExplanation } from "../explanations/task.ts";

export const explanationHandlers = ({ database: sql, nodeFiles, storage, quotas }: HandlerContext) => {
  const parts = { sql, nodeFiles, storage };
  return {
    Task_Explain: async ({ account, params, signal, now }) => ({
      body: await taskExplanation({ account, ids: params, ...parts, signal, now }),
    }),
    Job_Explain: async ({ account, params, signal, now }) => ({
      body: await jobExplanation({ account, ids: params, ...parts, signal, now }),
    }),
    Pool_Explain: async ({ account, params, signal, now }) => ({
      body: await poolExplanation({ account, ids: params, ...parts, signal, now }, quotas),
    }),
    ComputeNode_Explain: async ({ account, params, signal, now }) => ({
      body: await nodeExplanation({ account, ids: params, ...parts, signal, now }),
    }),
    JobSchedule_Explain: async ({ account, params, signal, now }) => ({
      body: await scheduleExplanation(
        { account, ids: params, ...parts, signal, now },
        quotas.activeJobAndJobScheduleQuota,
      ),
    }),
    Account_Explain: async ({ account, signal, now }) => ({
      body: await accountExplanation({ account, ...parts, signal, now }, quotas),
    }),
  } satisfies OperationHandlers;
};
