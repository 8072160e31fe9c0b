import { auditOperations } from "./audit.ts";
import { AutoScaleRun } from "./autoscale.ts";
import { eventOperations } from "./events.ts";
import { explanationOperations } from "./explanations.ts";
import { logOperations } from "./following.ts";
import { operation } from "./operation.ts";
import { pastRunOperations } from "./past-runs.ts";
import { progressOperations } from "./progress.ts";
import { paged } from "./queries.ts";
import { seriesOperations } from "./series.ts";
import { taskUsageOperations } from "./task-usage.ts";
import { usageOperations } from "./usage.ts";
import { webhookOperations } from "./webhooks.ts";

/** What this server offers beyond the published API; every api-version has it. */
export const localOperations = {
  ...logOperations,
  ...eventOperations,
  ComputeNode_Preempt: operation({
    summary: "Takes a low-priority node away for a while, as the owner of spare capacity does",
    method: "POST",
    path: "/pools/{poolId}/nodes/{nodeId}/preempt",
    access: "operate",
    status: 202,
    errors: ["PoolNotFound", "NodeNotFound", "OperationNotValidOnNode"],
  }),
  ComputeNode_RerunStartTask: operation({
    summary: "Runs the pool's start task, as it is now, again on a node that is idle or whose start task has failed",
    method: "POST",
    path: "/kyanite/pools/{poolId}/nodes/{nodeId}/rerunstarttask",
    access: "operate",
    status: 202,
    errors: [
      "PoolNotFound",
      "NodeNotFound",
      "NodeBeingCreated",
      "NodeBeingStarted",
      "NodeBeingRebooted",
      "NodeBeingReimaged",
      "NodeStateUnusable",
      "OperationNotValidOnNode",
    ],
  }),
  Pool_RunAutoScale: operation({
    summary: "Evaluates the formula of a pool now and applies the result, beside the timetable",
    method: "POST",
    path: "/pools/{poolId}/runautoscale",
    access: "operate",
    status: 200,
    response: AutoScaleRun,
    shape: "element",
    set: "Microsoft.Azure.Batch.Protocol.Entities.AutoScaleRun",
    errors: ["PoolNotFound", "PoolBeingDeleted", "OperationInvalidForCurrentState"],
  }),
  Pool_ListAutoScaleRuns: operation({
    summary: "Lists the last 100 evaluations of a pool's formula, latest first",
    method: "GET",
    path: "/pools/{poolId}/autoscaleruns",
    access: "read",
    query: paged,
    status: 200,
    response: AutoScaleRun,
    shape: "list",
    set: "autoscaleruns",
    errors: ["PoolNotFound"],
  }),
  ...auditOperations,
  ...pastRunOperations,
  ...explanationOperations,
  ...taskUsageOperations,
  ...usageOperations,
  ...seriesOperations,
  ...progressOperations,
  ...webhookOperations,
} as const;
