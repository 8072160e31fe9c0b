import { BatchError, type CloudPool, formatDuration } from "@kyanite/contract";
import { resizeTimeout } from "../../domain/pool/new-pool.ts";
import { type PoolLoad, poolStatistics } from "../../domain/pool/pool-statistics.ts";
import { isoTime } from "../../domain/time.ts";
import { checkDescriptions, propertiesWithoutEffect } from "../../domain/unsupported.ts";
import { lockExistingPool, readExistingPool } from "../../lifecycle/existing.ts";
import { addPool, beginDeletePool, patchPool, replacePoolProperties } from "../../lifecycle/pool.ts";
import { removePoolNodes, resizePool, stopResize } from "../../lifecycle/resize.ts";
import { readPoolLoads } from "../../store/pool-load.ts";
import { listPools, type PoolWithNodes } from "../../store/pools.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { oneMore, pageOf } from "../lists.ts";
import { changed, changing } from "./change.ts";

export const poolHandlers = ({ database, quotas }: HandlerContext) => {
  const change = changing(lockExistingPool, (pool) => pool);
  return {
    Pool_Add: async ({ account, body, baseUrl, now, transaction }) => {
      checkDescriptions(quotas.unsupportedProperties, "pool", body);
      const { id, etag } = await transaction((sql) => addPool(sql, account, body, { ...quotas, now }));
      return { entity: { etag, lastModified: now }, location: poolUrl(baseUrl, id) };
    },

    Pool_Get: async ({ account, params, list, baseUrl, conditions, now }) => {
      const pool = await readExistingPool(database, account, params);
      conditions.check(pool);
      const loads = list.stats ? await readPoolLoads(database, [pool], now) : undefined;
      return { body: { ...cloudPool(pool, baseUrl), ...statsOf(pool, loads, baseUrl, now) }, entity: pool };
    },

    Pool_Exists: async ({ account, params, conditions }) => {
      const pool = await readExistingPool(database, account, params);
      conditions.check(pool);
      return { entity: pool };
    },

    Pool_List: async ({ account, list, baseUrl, now }) => {
      const pools = await listPools(database, account, oneMore(list));
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

    Pool_Patch: async (call) => {
      const { account, body, now } = call;
      checkDescriptions(quotas.unsupportedProperties, "pool", body);
      const saved = await change(call, (sql, pool) => patchPool(sql, account, pool, { body, now }));
      return changed(saved, now);
    },

    Pool_UpdateProperties: async ({ account, params, body, now, transaction }) => {
      const saved = await transaction(async (sql) => {
        const pool = await lockExistingPool(sql, account, params);
        return replacePoolProperties(sql, account, pool, { body, now });
      });
      return changed(saved, now);
    },

    Pool_Delete: async (call) => {
      const { now } = call;
      await change(call, (sql, pool) => beginDeletePool(sql, pool, now));
      return {};
    },

    Pool_Resize: async (call) => {
      const { body, now } = call;
      if (body.targetDedicatedNodes === undefined && body.targetLowPriorityNodes === undefined)
        throw new BatchError("MissingRequiredProperty", {
          PropertyName: "targetDedicatedNodes",
          Reason: "Give targetDedicatedNodes, targetLowPriorityNodes or both",
        });
      const timeoutSeconds = resizeTimeout(body.resizeTimeout);
      const saved = await change(call, (sql, pool) => resizePool(sql, pool, { ...body, timeoutSeconds }, now));
      return changed(saved, now);
    },

    Pool_RemoveNodes: async (call) => {
      const { body, now } = call;
      const timeoutSeconds = resizeTimeout(body.resizeTimeout);
      const saved = await change(call, (sql, pool) => removePoolNodes(sql, pool, { ...body, timeoutSeconds }, now));
      return changed(saved, now);
    },

    Pool_StopResize: async (call) => {
      const { now } = call;
      const entity = await change(call, async (sql, pool) => {
        await stopResize(sql, pool, now);
        return pool;
      });
      return { entity };
    },
  } satisfies OperationHandlers;
};

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
  const withoutEffect = propertiesWithoutEffect(spec);
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
    ...(withoutEffect.length > 0 ? { propertiesWithoutEffect: withoutEffect } : {}),
  };
}
