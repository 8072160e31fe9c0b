import { ManagementError } from "@kyanite/contract";
import type { Account } from "../../../domain/account/account.ts";
import { disableAutoScale } from "../../../lifecycle/auto-scale.ts";
import { lockExistingPool } from "../../../lifecycle/existing.ts";
import { putPool, updatePool } from "../../../lifecycle/managed-pool.ts";
import { beginDeletePool } from "../../../lifecycle/pool.ts";
import { stopResize } from "../../../lifecycle/resize.ts";
import { listPools, lockPool, readPool } from "../../../store/pools.ts";
import { pageOf } from "../../lists.ts";
import { inOwnNames, type ManagedFilter } from "../filters.ts";
import {
  accountId,
  type ManagementCall,
  type ManagementContext,
  type ManagementHandlers,
  weakEtag,
} from "../handler.ts";
import { resultLocation } from "./operation-results.ts";
import { withManagedNames } from "./pool-properties.ts";
import { wirePool } from "./wire-pool.ts";

type PoolCall = Pick<ManagementCall, "conditions" | "now"> & {
  readonly account: Account;
  readonly params: { readonly poolName: string };
};

export const poolHandlers = ({ database, quotas }: ManagementContext) => {
  const answer = async ({ account, params }: Pick<PoolCall, "account" | "params">) => {
    const pool = await readPool(database, account, params.poolName);
    if (!pool) throw new ManagementError("ResourceNotFound", `There is no pool '${params.poolName}'.`);
    return { body: wirePool(account, pool), etag: weakEtag(pool.etag) };
  };
  const request = ({ account, params, conditions, now }: PoolCall) => ({
    account,
    accountId: accountId(account),
    name: params.poolName,
    check: conditions.check,
    quotas,
    now,
  });

  return {
    Pool_ListByBatchAccount: async ({ account, list }) => {
      const { filter, ...page } = list;
      const pools = await listPools(database, account, {
        ...page,
        ...(filter ? { filter: inOwnNames(filter, filterable) } : {}),
        limit: list.limit + 1,
      });
      const keyOf = ({ key }: { key: string }) => key;
      return { body: pageOf(pools, list.limit, keyOf, (pool) => wirePool(account, pool)) };
    },

    Pool_Create: async (call) => {
      await withManagedNames(() => call.transaction((sql) => putPool(sql, { ...request(call), body: call.body })));
      return answer(call);
    },

    Pool_Update: async (call) => {
      await withManagedNames(() => call.transaction((sql) => updatePool(sql, { ...request(call), body: call.body })));
      return answer(call);
    },

    Pool_Delete: async ({ account, params, now, transaction }) => {
      const pool = await readPool(database, account, params.poolName);
      if (!pool) return { status: 204 };
      await transaction(async (sql) => {
        const present = await lockPool(sql, account, params.poolName);
        if (present?.state === "active") await beginDeletePool(sql, present, now);
      });
      return { location: resultLocation(account, { kind: "pool", pk: pool.pk }) };
    },

    Pool_Get: async (call) => answer(call),

    Pool_DisableAutoScale: async (call) => {
      const { account, params, now } = call;
      await call.transaction(async (sql) =>
        disableAutoScale(sql, await lockExistingPool(sql, account, { poolId: params.poolName }), now),
      );
      return answer(call);
    },

    Pool_StopResize: async (call) => {
      const { account, params, now } = call;
      await call.transaction(async (sql) =>
        stopResize(sql, await lockExistingPool(sql, account, { poolId: params.poolName }), now),
      );
      return answer(call);
    },
  } satisfies Partial<ManagementHandlers>;
};

const filterable: ManagedFilter = {
  properties: {
    name: "id",
    "properties/allocationState": "allocationState",
    "properties/allocationStateTransitionTime": "allocationStateTransitionTime",
    "properties/creationTime": "creationTime",
    "properties/lastModified": "lastModified",
    "properties/provisioningState": "state",
    "properties/provisioningStateTransitionTime": "stateTransitionTime",
    "properties/vmSize": "vmSize",
  },
  states: { Succeeded: "active", Deleting: "deleting" },
};
