import { accountHandlers } from "./accounts.ts";
import { applicationHandlers } from "./applications.ts";
import { autoScaleHandlers } from "./auto-scale.ts";
import { certificateHandlers } from "./certificates.ts";
import type { HandlerContext, OperationHandlers } from "./context.ts";
import { fileHandlers } from "./files.ts";
import { jobScheduleHandlers } from "./job-schedules.ts";
import { jobHandlers } from "./jobs.ts";
import { nodeActionHandlers } from "./node-actions.ts";
import { nodeExtensionHandlers } from "./node-extensions.ts";
import { nodeLogHandlers } from "./node-logs.ts";
import { nodeUserHandlers } from "./node-users.ts";
import { nodeHandlers } from "./nodes.ts";
import { poolStatisticsHandlers } from "./pool-statistics.ts";
import { poolHandlers } from "./pools.ts";
import { subtaskHandlers } from "./subtasks.ts";
import { taskHandlers } from "./tasks.ts";

/** Every operation that is handled. */
export const createHandlers = (context: HandlerContext): OperationHandlers => ({
  ...accountHandlers(context),
  ...applicationHandlers(context),
  ...certificateHandlers(context),
  ...poolHandlers(context),
  ...poolStatisticsHandlers(context),
  ...autoScaleHandlers(context),
  ...nodeHandlers(context),
  ...nodeActionHandlers(context),
  ...nodeExtensionHandlers(context),
  ...nodeLogHandlers(context),
  ...nodeUserHandlers(context),
  ...jobHandlers(context),
  ...jobScheduleHandlers(context),
  ...taskHandlers(context),
  ...subtaskHandlers(context),
  ...fileHandlers(context),
});
