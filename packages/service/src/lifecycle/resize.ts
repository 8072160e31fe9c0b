import {
  BatchError,
  type ComputeNodeDeallocationOption,
  type NodeRemoveParameter,
  type PoolResizeParameter,
} from "@kyanite/contract";
import { checkNodeKinds } from "../domain/pool/new-pool.ts";
import { moveAllocation, type Pool } from "../domain/pool/pool.ts";
import { after } from "../domain/time.ts";
import type { Sql } from "../store/database.ts";
import { readNodesOfPool } from "../store/nodes.ts";
import { notify } from "../store/notices.ts";
import { savePool } from "../store/pools.ts";
import { checkPoolAction } from "./pool-action.ts";
import { leaveSurplus, shrinkPool } from "./pool-nodes.ts";

/** What a resize asks for; a target that is not given stays as it is. */
export type ResizeRequest = PoolResizeParameter & { readonly timeoutSeconds: number };

/** Sets new targets. Nodes that are too many leave at once; the rest is pursued in the background. */
export async function resizePool(sql: Sql, pool: Pool, request: ResizeRequest, now: Date): Promise<{ etag: string }> {
  checkPoolAction("resize", pool);
  const targets = {
    targetDedicatedNodes: request.targetDedicatedNodes ?? pool.targetDedicatedNodes,
    targetLowPriorityNodes: request.targetLowPriorityNodes ?? pool.targetLowPriorityNodes,
  };
  checkNodeKinds({ ...targets, enableInterNodeCommunication: pool.enableInterNodeCommunication });
  const next = resizing({ ...pool, ...targets, lastModified: now }, request, now);
  const saved = await savePool(sql, next, "client");
  await leaveSurplus(sql, pool.pk, now);
  await notify(sql, "pools");
  return saved;
}

function resizing(
  pool: Pool,
  request: { timeoutSeconds: number; nodeDeallocationOption?: ComputeNodeDeallocationOption | undefined },
  now: Date,
): Pool {
  return {
    ...moveAllocation(pool, "resize", now),
    resizeDeadline: after(now, request.timeoutSeconds),
    resizeTimeoutSeconds: request.timeoutSeconds,
    nodeDeallocationOption: request.nodeDeallocationOption ?? "requeue",
    resizeErrors: null,
  };
}

/** Which nodes are to leave, and how. */
export type RemoveNodesRequest = NodeRemoveParameter & { readonly timeoutSeconds: number };

/**
 * Takes certain nodes out of a pool: the targets drop by their number at once.
 * @throws BatchError NodeNotFound for a node that the pool does not have; nothing is removed then
 */
export async function removePoolNodes(
  sql: Sql,
  pool: Pool,
  request: RemoveNodesRequest,
  now: Date,
): Promise<{ etag: string }> {
  checkPoolAction("removeNodes", pool);
  const ids = new Set(request.nodeList.map((id) => id.toLowerCase()));
  const nodes = (await readNodesOfPool(sql, pool.pk)).filter(({ id }) => ids.has(id.toLowerCase()));
  const unknown = [...ids].find((id) => !nodes.some((node) => node.id.toLowerCase() === id));
  if (unknown !== undefined) throw new BatchError("NodeNotFound", { NodeId: unknown });
  const going = nodes.filter(({ state }) => state !== "leavingpool");
  const dedicated = going.filter(({ isDedicated }) => isDedicated).length;
  const next = resizing(
    {
      ...pool,
      lastModified: now,
      targetDedicatedNodes: Math.max(0, pool.targetDedicatedNodes - dedicated),
      targetLowPriorityNodes: Math.max(0, pool.targetLowPriorityNodes - (going.length - dedicated)),
    },
    request,
    now,
  );
  const saved = await savePool(sql, next, "client");
  await shrinkPool(sql, next, going, now);
  await notify(sql, "pools");
  return saved;
}

/** Stops a resize: the nodes that are there stay, and so does the target. */
export async function stopResize(sql: Sql, pool: Pool, now: Date): Promise<void> {
  checkPoolAction("stopResize", pool);
  await savePool(sql, moveAllocation(pool, "stop", now), "service");
  await notify(sql, "pools");
}
