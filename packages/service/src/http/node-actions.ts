import { BatchError, isOlder, reimageOfMachinesSince } from "@kyanite/contract";
import { disableScheduling, enableScheduling, requestAction, startNode } from "../lifecycle/node-actions.ts";
import { preemptNode } from "../lifecycle/preemption.ts";
import { transaction } from "../store/database.ts";
import type { HandlerContext, OperationHandlers } from "./context.ts";
import { readExistingNode } from "./nodes.ts";

export const nodeActionHandlers = ({ database }: HandlerContext) =>
  ({
    ComputeNode_Reboot: async ({ account, params, body, now }) => {
      const { node } = await readExistingNode(database, account, params);
      const request = { action: "reboot", option: body?.nodeRebootOption ?? "requeue" } as const;
      await transaction(database, (sql) => requestAction(sql, node.pk, request, now));
      return {};
    },

    ComputeNode_Reimage: async ({ account, params, body, version, now }) => {
      const { node } = await readExistingNode(database, account, params);
      if (isOlder(version, reimageOfMachinesSince))
        throw new BatchError("OperationNotValidOnNode", {
          Reason: "Operation reimage can be invoked only on pools created with cloudServiceConfiguration",
        });
      const request = { action: "reimage", option: body?.nodeReimageOption ?? "requeue" } as const;
      await transaction(database, (sql) => requestAction(sql, node.pk, request, now));
      return {};
    },

    ComputeNode_Deallocate: async ({ account, params, body, now }) => {
      const { node } = await readExistingNode(database, account, params);
      const request = { action: "deallocate", option: body?.nodeDeallocateOption ?? "requeue" } as const;
      await transaction(database, (sql) => requestAction(sql, node.pk, request, now));
      return {};
    },

    ComputeNode_Start: async ({ account, params, now }) => {
      const { node } = await readExistingNode(database, account, params);
      await transaction(database, (sql) => startNode(sql, node.pk, now));
      return {};
    },

    ComputeNode_Preempt: async ({ account, params, now }) => {
      const { node } = await readExistingNode(database, account, params);
      await transaction(database, (sql) => preemptNode(sql, node.pk, now));
      return {};
    },

    ComputeNode_DisableScheduling: async ({ account, params, body, now }) => {
      const { node } = await readExistingNode(database, account, params);
      const option = body?.nodeDisableSchedulingOption ?? "requeue";
      await transaction(database, (sql) => disableScheduling(sql, node.pk, option, now));
      return {};
    },

    ComputeNode_EnableScheduling: async ({ account, params, now }) => {
      const { node } = await readExistingNode(database, account, params);
      await transaction(database, (sql) => enableScheduling(sql, node.pk, now));
      return {};
    },
  }) satisfies OperationHandlers;
