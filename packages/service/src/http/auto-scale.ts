import { BatchError } from "@kyanite/contract";
import { disableAutoScale, enableAutoScale, runAutoScaleNow, tryFormula } from "../lifecycle/auto-scale.ts";
import { lockExistingPool } from "../lifecycle/pool.ts";
import { listAutoScaleRuns } from "../store/auto-scale.ts";
import { transaction } from "../store/database.ts";
import { readPool } from "../store/pools.ts";
import type { HandlerContext, OperationHandlers } from "./context.ts";
import { pageOf } from "./lists.ts";

export const autoScaleHandlers = ({ database, quotas: settings }: HandlerContext) =>
  ({
    Pool_EnableAutoScale: async ({ account, params, body, conditions, now }) => {
      const saved = await transaction(database, async (sql) => {
        const pool = await lockExistingPool(sql, account, params.poolId);
        conditions.check(pool);
        return enableAutoScale(sql, pool, body, { settings, now });
      });
      return { entity: { ...saved, lastModified: now } };
    },

    Pool_DisableAutoScale: async ({ account, params, now }) => {
      const saved = await transaction(database, async (sql) =>
        disableAutoScale(sql, await lockExistingPool(sql, account, params.poolId), now),
      );
      return { entity: { ...saved, lastModified: now } };
    },

    Pool_EvaluateAutoScale: async ({ account, params, body, now }) => {
      const pool = await readPool(database, account, params.poolId);
      if (!pool) throw new BatchError("PoolNotFound");
      return { body: await tryFormula(database, pool, body.autoScaleFormula, { settings, now }) };
    },

    Pool_RunAutoScale: async ({ account, params, now }) => ({
      body: await transaction(database, async (sql) =>
        runAutoScaleNow(sql, await lockExistingPool(sql, account, params.poolId), { settings, now }),
      ),
    }),

    Pool_ListAutoScaleRuns: async ({ account, params, list }) => {
      const pool = await readPool(database, account, params.poolId);
      if (!pool) throw new BatchError("PoolNotFound");
      const runs = await listAutoScaleRuns(database, pool, { ...list, limit: list.limit + 1 });
      return {
        body: pageOf(
          runs,
          list.limit,
          ({ pk }) => String(pk),
          ({ run }) => run,
        ),
      };
    },
  }) satisfies OperationHandlers;
