import { BatchError, isOlder, reimageOfMachinesSince } from "@kyanite/contract";
import type { Account } from "../../domain/account/account.ts";

import { type NodeIds, readExistingNode } from "../../lifecycle/existing.ts";
import {
  type ActionRequest,
  disableScheduling,
  enableScheduling,
  requestAction,
  rerunStartTask,
  startNode,
} from "../../lifecycle/node-actions.ts";
import { preemptNode } from "../../lifecycle/preemption.ts";

import type { Sql } from "../../store/database.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import type { Transact } from "../handler.ts";

interface ActingCall {
  readonly account: Account;
  readonly params: NodeIds;
  readonly transaction: Transact;
}

export const nodeActionHandlers = ({ database }: HandlerContext) => {
  /** Acts on the node that a request names; there is nothing to answer. */
  const act = async (
    { account, params, transaction }: ActingCall,
    action: (sql: Sql, nodePk: number) => Promise<void>,
  ) => {
    const { node } = await readExistingNode(database, account, params);
    await transaction((sql) => action(sql, node.pk));
    return {};
  };
  const request = (call: ActingCall & { readonly now: Date }, wanted: ActionRequest) =>
    act(call, (sql, nodePk) => requestAction(sql, nodePk, wanted, call.now));

  return {
    ComputeNode_Reboot: (call) => request(call, { action: "reboot", option: call.body?.nodeRebootOption ?? "requeue" }),

    ComputeNode_Reimage: (call) =>
      act(call, async (sql, nodePk) => {
        if (isOlder(call.version, reimageOfMachinesSince))
          throw new BatchError("OperationNotValidOnNode", {
            Reason: "Operation reimage can be invoked only on pools created with cloudServiceConfiguration",
          });
        const option = call.body?.nodeReimageOption ?? "requeue";
        await requestAction(sql, nodePk, { action: "reimage", option }, call.now);
      }),

    ComputeNode_Deallocate: (call) =>
      request(call, { action: "deallocate", option: call.body?.nodeDeallocateOption ?? "requeue" }),

    ComputeNode_Start: (call) => act(call, (sql, nodePk) => startNode(sql, nodePk, call.now)),

    ComputeNode_RerunStartTask: (call) => act(call, (sql, nodePk) => rerunStartTask(sql, nodePk, call.now)),

    ComputeNode_Preempt: (call) => act(call, (sql, nodePk) => preemptNode(sql, nodePk, call.now)),

    ComputeNode_DisableScheduling: (call) => {
      const option = call.body?.nodeDisableSchedulingOption ?? "requeue";
      return act(call, (sql, nodePk) => disableScheduling(sql, nodePk, option, call.now));
    },

    ComputeNode_EnableScheduling: (call) => act(call, (sql, nodePk) => enableScheduling(sql, nodePk, call.now)),
  } satisfies OperationHandlers;
};
