import { operation } from "./operation.ts";

/** What this server offers beyond the published API; every api-version has it. */
export const localOperations = {
  ComputeNode_Preempt: operation({
    summary: "Takes a low-priority node away for a while, as the owner of spare capacity does",
    method: "POST",
    path: "/pools/{poolId}/nodes/{nodeId}/preempt",
    status: 202,
    errors: ["PoolNotFound", "NodeNotFound", "OperationNotValidOnNode"],
  }),
} as const;
