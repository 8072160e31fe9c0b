import { disableAutoScale, enableAutoScale, runAutoScaleNow, tryFormula } from "../../lifecycle/auto-scale.ts";
import { lockExistingPool, readExistingPool } from "../../lifecycle/existing.ts";
import { leaveSurplus } from "../../lifecycle/pool-nodes.ts";
import { listAutoScaleRuns } from "../../store/auto-scale.ts";
import type { HandlerContext, OperationHandlers } from "../context.ts";
import { oneMore, pageOf } from "../lists.ts";
import { changed, changing } from "./change.ts";

export const autoScaleHandlers = ({ database, quotas: settings }: HandlerContext) => {
  const change = changing(lockExistingPool, (pool) => pool);
  return {
    Pool_EnableAutoScale: async (call) => {
      const { body, now } = call;
      const saved = await change(call, async (sql, pool) => {
        const enabled = await enableAutoScale(sql, pool, body, { settings, now });
        await leaveSurplus(sql, pool.pk, now);
        return enabled;
      });
      return changed(saved, now);
    },

    Pool_DisableAutoScale: async ({ account, params, now, transaction }) => {
      const saved = await transaction(async (sql) =>
        disableAutoScale(sql, await lockExistingPool(sql, account, params), now),
      );
      return changed(saved, now);
    },

    Pool_EvaluateAutoScale: async ({ account, params, body, now }) => {
      const pool = await readExistingPool(database, account, params);
      return { body: await tryFormula(database, pool, body.autoScaleFormula, { settings, now }) };
    },

    Pool_RunAutoScale: async ({ account, params, now, transaction }) => ({
      body: await transaction(async (sql) =>
        runAutoScaleNow(sql, await lockExistingPool(sql, account, params), { settings, now }),
      ),
    }),

    Pool_ListAutoScaleRuns: async ({ account, params, list }) => {
      const pool = await readExistingPool(database, account, params);
      const runs = await listAutoScaleRuns(database, pool, oneMore(list));
      return {
        body: pageOf(
          runs,
          list.limit,
          ({ pk }) => String(pk),
          ({ run }) => run,
        ),
      };
    },
  } satisfies OperationHandlers;
};
