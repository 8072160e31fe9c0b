import {
  BatchError,
  type PoolAddParameter,
  type PoolPatchParameter,
  type PoolUpdatePropertiesParameter,
} from "@kyanite/contract";
import type { Account } from "../domain/account.ts";
import { checkInterval } from "../domain/auto-scale.ts";
import { patchedPool, withProperties } from "../domain/changed-pool.ts";
import { newPool } from "../domain/new-pool.ts";
import type { Pool } from "../domain/pool.ts";
import type { Sql } from "../store/database.ts";
import { readNodesOfPool } from "../store/nodes.ts";
import { notify } from "../store/notices.ts";
import { countPools, insertPool, lockPool, savePool } from "../store/pools.ts";
import { checkPackageReferences } from "./application.ts";
import { type AutoScaleSettings, beginAutoScale } from "./auto-scale.ts";
import { checkCertificateReferences } from "./certificate.ts";
import { hashPassword } from "./password-hash.ts";
import { checkPoolAction } from "./pool-action.ts";

export async function lockExistingPool(sql: Sql, account: Account, id: string): Promise<Pool> {
  const pool = await lockPool(sql, account, id);
  if (!pool) throw new BatchError("PoolNotFound");
  return pool;
}

/**
 * Adds a pool; the service makes its nodes in the background.
 * @param poolQuota how many pools the account may have
 * @throws BatchError PoolExists, PoolBeingDeleted, PoolQuotaReached, or what is wrong with the body
 */
export async function addPool(
  sql: Sql,
  account: Account,
  body: PoolAddParameter,
  { now, ...limits }: AutoScaleSettings & { readonly poolQuota: number; readonly now: Date },
): Promise<{ id: string; etag: string }> {
  const { poolQuota } = limits;
  const pool = withHashedPasswords(newPool(body, account, now));
  checkInterval(body.autoScaleEvaluationInterval, limits.autoScaleMinimumSeconds);
  await checkCertificateReferences(sql, account, body.certificateReferences);
  await checkPackageReferences(sql, account, body.applicationPackageReferences);
  const existing = await lockPool(sql, account, pool.id);
  if (existing) throw new BatchError(existing.state === "deleting" ? "PoolBeingDeleted" : "PoolExists");
  if ((await countPools(sql, account)) >= poolQuota)
    throw new BatchError("PoolQuotaReached", { Reason: `The account may have ${poolQuota} pools (setting poolQuota)` });
  const inserted = await insertPool(sql, pool);
  if (!inserted) throw new BatchError("PoolExists");
  if (pool.enableAutoScale) await beginAutoScale(sql, { ...pool, ...inserted }, { settings: limits, now });
  await notify(sql, "pools");
  return { id: pool.id, etag: inserted.etag };
}

/** Replaces the given properties of a pool; most of them may change only while it has no nodes. */
export async function patchPool(
  sql: Sql,
  account: Account,
  pool: Pool,
  { body, now }: { readonly body: PoolPatchParameter; readonly now: Date },
): Promise<{ etag: string }> {
  checkPoolAction("update", pool);
  const isEmpty = (await readNodesOfPool(sql, pool.pk)).length === 0;
  const next = patchedPool(pool, body, { isEmpty, now });
  await checkCertificateReferences(sql, account, body.certificateReferences);
  await checkPackageReferences(sql, account, body.applicationPackageReferences);
  return savePool(sql, body.userAccounts ? withHashedPasswords(next) : next, "client");
}

/** Replaces start task, references and metadata of a pool together. */
export async function replacePoolProperties(
  sql: Sql,
  account: Account,
  pool: Pool,
  { body, now }: { readonly body: PoolUpdatePropertiesParameter; readonly now: Date },
): Promise<{ etag: string }> {
  checkPoolAction("update", pool);
  await checkCertificateReferences(sql, account, body.certificateReferences);
  await checkPackageReferences(sql, account, body.applicationPackageReferences);
  return savePool(sql, withProperties(pool, body, now), "client");
}

/** Begins to delete a pool: its nodes leave, their tasks go back to the queue, and then the pool is gone. */
export async function beginDeletePool(sql: Sql, pool: Pool, now: Date): Promise<void> {
  checkPoolAction("delete", pool);
  await savePool(
    sql,
    {
      ...pool,
      state: "deleting",
      stateTransitionTime: now,
      lastModified: now,
      allocationState: "resizing",
      allocationStateTransitionTime: now,
      targetDedicatedNodes: 0,
      targetLowPriorityNodes: 0,
      nodeDeallocationOption: "requeue",
      resizeDeadline: null,
      resizeErrors: null,
    },
    "client",
  );
  await notify(sql, "pools");
}

/** Passwords of accounts are kept as their nodes need them, and as nobody can read them. */
function withHashedPasswords<P extends Pick<Pool, "spec">>(pool: P): P {
  const { userAccounts } = pool.spec;
  if (!userAccounts) return pool;
  const hashed = userAccounts.map((user) => ({ ...user, password: hashPassword(user.password) }));
  return { ...pool, spec: { ...pool.spec, userAccounts: hashed } };
}
