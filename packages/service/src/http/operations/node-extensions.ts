import { BatchError } from "@kyanite/contract";
import { readExistingNode } from "../../lifecycle/existing.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";

/** Extensions are software of Azure's machines. A pool cannot ask for one, so its nodes have none. */
export const nodeExtensionHandlers = ({ database }: HandlerContext) =>
  ({
    ComputeNodeExtension_List: async ({ account, params }) => {
      await readExistingNode(database, account, params);
      return { body: { items: [] } };
    },

    ComputeNodeExtension_Get: async ({ account, params }) => {
      await readExistingNode(database, account, params);
      throw new BatchError("ResourceNotFound", { Reason: "The compute node has no extensions" });
    },
  }) satisfies OperationHandlers;
