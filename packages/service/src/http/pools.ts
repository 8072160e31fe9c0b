import { BatchError, type CloudPool, formatDuration } from "@kyanite/contract";
import { resizeTimeout } from "../domain/new-pool.ts";
import { type PoolLoad, poolStatistics } from "../domain/pool-statistics.ts";
import { isoTime } from "../domain/time.ts";
import { addPool, beginDeletePool, lockExistingPool, patchPool, replacePoolProperties } from "../lifecycle/pool.ts";
import { removePoolNodes, resizePool, stopResize } from "../lifecycle/resize.ts";
import { transaction } from "../store/database.ts";
import { readPoolLoads } from "../store/pool-load.ts";
import { listPools, type PoolWithNodes, readPool } from "../store/pools.ts";
import type { HandlerContext, OperationHandlers } from "./context.ts";
import { pageOf } from "./lists.ts";

export const poolHandlers = ({ database, quotas }: HandlerContext) =>
  ({
    Pool_Add: async ({ account, body, baseUrl, now }) => {
      const { id, etag } = await transaction(database, (sql) => addPool(sql, account, body, { ...quotas, now }));
      return { entity: { etag, lastModified: now }, location: poolUrl(baseUrl, id) };
    },

    Pool_Get: async ({ account, params, list, baseUrl, conditions, now }) => {
      const pool = await readPool(database, account, params.poolId);
      if (!pool) throw new BatchError("PoolNotFound");
      conditions.check(pool);
      const loads = list.stats ? await readPoolLoads(database, [pool], now) : undefined;
      return { body: { ...cloudPool(pool, baseUrl), ...statsOf(pool, loads, baseUrl, now) }, entity: pool };
    },

    Pool_Exists: async ({ account, params, conditions }) => {
      const pool = await readPool(database, account, params.poolId);
      if (!pool) throw new BatchError("PoolNotFound");
      conditions.check(pool);
      return { entity: pool };
    },

    Pool_List: async ({ account, list, baseUrl, now }) => {
      const pools = await listPools(database, account, { ...list, limit: list.limit + 1 });
      const loads = list.stats ? await readPoolLoads(database, pools, now) : undefined;
      return {
        body: pageOf(
          pools,
          list.limit,
          ({ key }) => key,
          (pool) => ({ ...cloudPool(pool, baseUrl), ...statsOf(pool, loads, baseUrl, now) }),
        ),
      };
    },

    Pool_Patch: async ({ account, params, body, conditions, now }) => {
      const saved = await transaction(database, async (sql) => {
        const pool = await lockExistingPool(sql, account, params.poolId);
        conditions.check(pool);
        return patchPool(sql, account, pool, { body, now });
      });
      return { entity: { ...saved, lastModified: now } };
    },

    Pool_UpdateProperties: async ({ account, params, body, now }) => {
      const saved = await transaction(database, async (sql) => {
        const pool = await lockExistingPool(sql, account, params.poolId);
        return replacePoolProperties(sql, account, pool, { body, now });
      });
      return { entity: { ...saved, lastModified: now } };
    },

    Pool_Delete: async ({ account, params, conditions, now }) => {
      await transaction(database, async (sql) => {
        const pool = await lockExistingPool(sql, account, params.poolId);
        conditions.check(pool);
        await beginDeletePool(sql, pool, now);
      });
      return {};
    },

    Pool_Resize: async ({ account, params, body, conditions, now }) => {
      if (body.targetDedicatedNodes === undefined && body.targetLowPriorityNodes === undefined)
        throw new BatchError("MissingRequiredProperty", {
          PropertyName: "targetDedicatedNodes",
          Reason: "Give targetDedicatedNodes, targetLowPriorityNodes or both",
        });
      const timeoutSeconds = resizeTimeout(body.resizeTimeout);
      const saved = await transaction(database, async (sql) => {
        const pool = await lockExistingPool(sql, account, params.poolId);
        conditions.check(pool);
        return resizePool(sql, pool, { ...body, timeoutSeconds }, now);
      });
      return { entity: { ...saved, lastModified: now } };
    },

    Pool_RemoveNodes: async ({ account, params, body, conditions, now }) => {
      const timeoutSeconds = resizeTimeout(body.resizeTimeout);
      const saved = await transaction(database, async (sql) => {
        const pool = await lockExistingPool(sql, account, params.poolId);
        conditions.check(pool);
        return removePoolNodes(sql, pool, { ...body, timeoutSeconds }, now);
      });
      return { entity: { ...saved, lastModified: now } };
    },

    Pool_StopResize: async ({ account, params, conditions, now }) => {
      const entity = await transaction(database, async (sql) => {
        const pool = await lockExistingPool(sql, account, params.poolId);
        conditions.check(pool);
        await stopResize(sql, pool, now);
        return pool;
      });
      return { entity };
    },
  }) satisfies OperationHandlers;

export function poolUrl(baseUrl: string, poolId: string): string {
  return `${baseUrl}/pools/${poolId}`;
}

/** Only where they were asked for. */
function statsOf(
  pool: PoolWithNodes,
  loads: ReadonlyMap<number, PoolLoad> | undefined,
  baseUrl: string,
  now: Date,
): Pick<CloudPool, "stats"> {
  const load = loads?.get(pool.pk);
  if (!load) return {};
  return { stats: poolStatistics(load, { url: poolUrl(baseUrl, pool.id), since: pool.creationTime, now }) };
}

function cloudPool(pool: PoolWithNodes, baseUrl: string): CloudPool {
  const { resizeTimeout: _, targetDedicatedNodes: __, targetLowPriorityNodes: ___, ...spec } = pool.spec;
  return {
    ...spec,
    id: pool.id,
    url: poolUrl(baseUrl, pool.id),
    eTag: pool.etag,
    lastModified: isoTime(pool.lastModified),
    creationTime: isoTime(pool.creationTime),
    state: pool.state,
    stateTransitionTime: isoTime(pool.stateTransitionTime),
    allocationState: pool.allocationState,
    allocationStateTransitionTime: isoTime(pool.allocationStateTransitionTime),
    vmSize: pool.vmSize,
    resizeTimeout: formatDuration(pool.resizeTimeoutSeconds),
    ...(pool.resizeErrors && pool.allocationState === "steady"
      ? { resizeErrors: pool.resizeErrors.map((error) => ({ ...error, values: [...error.values] })) }
      : {}),
    currentDedicatedNodes: pool.currentDedicatedNodes,
    currentLowPriorityNodes: pool.currentLowPriorityNodes,
    targetDedicatedNodes: pool.targetDedicatedNodes,
    targetLowPriorityNodes: pool.targetLowPriorityNodes,
    enableAutoScale: pool.enableAutoScale,
    ...(pool.autoScaleRun ? { autoScaleRun: pool.autoScaleRun } : {}),
    enableInterNodeCommunication: pool.enableInterNodeCommunication,
    // Nodes open their link to the service, which never calls them.
    ...(pool.currentDedicatedNodes + pool.currentLowPriorityNodes > 0
      ? { currentNodeCommunicationMode: "simplified" as const }
      : {}),
    taskSlotsPerNode: pool.taskSlotsPerNode,
  };
}
