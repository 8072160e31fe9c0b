import { readExistingNode } from "../../lifecycle/existing.ts";
import { addNodeUser, deleteUser, updateUser } from "../../lifecycle/node-users.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { poolUrl } from "./pools.ts";

export const nodeUserHandlers = ({ database }: HandlerContext) =>
  ({
    ComputeNode_AddUser: async ({ account, params, body, baseUrl, now, transaction }) => {
      const { pool, node } = await readExistingNode(database, account, params);
      await transaction((sql) => addNodeUser(sql, node.pk, body, now));
      return { location: `${poolUrl(baseUrl, pool.id)}/nodes/${node.id}/users/${body.name}` };
    },

    ComputeNode_UpdateUser: async ({ account, params, body, now, transaction }) => {
      const { node } = await readExistingNode(database, account, params);
      await transaction((sql) => updateUser(sql, node.pk, { name: params.userName, body, now }));
      return {};
    },

    ComputeNode_DeleteUser: async ({ account, params, transaction }) => {
      const { node } = await readExistingNode(database, account, params);
      await transaction((sql) => deleteUser(sql, node.pk, params.userName));
      return {};
    },
  }) satisfies OperationHandlers;
