import type { HandlerContext, OperationHandlers } from "./context.ts";
import { accountHandlers } from "./operations/accounts.ts";
import { applicationHandlers } from "./operations/applications.ts";
import { auditHandlers } from "./operations/audit.ts";
import { autoScaleHandlers } from "./operations/auto-scale.ts";
import { certificateHandlers } from "./operations/certificates.ts";
import { eventHandlers } from "./operations/events.ts";
import { explanationHandlers } from "./operations/explanations.ts";
import { fileHandlers } from "./operations/files.ts";
import { jobScheduleHandlers } from "./operations/job-schedules.ts";
import { jobHandlers } from "./operations/jobs.ts";
import { logHandlers } from "./operations/logs.ts";
import { nodeActionHandlers } from "./operations/node-actions.ts";
import { nodeExtensionHandlers } from "./operations/node-extensions.ts";
import { nodeLogHandlers } from "./operations/node-logs.ts";
import { nodeUserHandlers } from "./operations/node-users.ts";
import { nodeHandlers } from "./operations/nodes.ts";
import { pastRunHandlers } from "./operations/past-runs.ts";
import { poolStatisticsHandlers } from "./operations/pool-statistics.ts";
import { poolHandlers } from "./operations/pools.ts";
import { progressHandlers } from "./operations/progress.ts";
import { seriesHandlers } from "./operations/series.ts";
import { subtaskHandlers } from "./operations/subtasks.ts";
import { taskUsageHandlers } from "./operations/task-usage.ts";
import { taskHandlers } from "./operations/tasks.ts";
import { usageHandlers } from "./operations/usage.ts";
import { webhookHandlers } from "./operations/webhooks.ts";

/** Every operation that is handled. */
export const createHandlers = (context: HandlerContext): OperationHandlers => ({
  ...accountHandlers(context),
  ...applicationHandlers(context),
  ...certificateHandlers(context),
  ...poolHandlers(context),
  ...poolStatisticsHandlers(context),
  ...autoScaleHandlers(context),
  ...auditHandlers(context),
  ...nodeHandlers(context),
  ...nodeActionHandlers(context),
  ...nodeExtensionHandlers(context),
  ...nodeLogHandlers(context),
  ...nodeUserHandlers(context),
  ...jobHandlers(context),
  ...jobScheduleHandlers(context),
  ...taskHandlers(context),
  ...taskUsageHandlers(context),
  ...usageHandlers(context),
  ...progressHandlers(context),
  ...seriesHandlers(context),
  ...subtaskHandlers(context),
  ...fileHandlers(context),
  ...pastRunHandlers(context),
  ...logHandlers(context),
  ...eventHandlers(context),
  ...webhookHandlers(context),
  ...explanationHandlers(context),
});
