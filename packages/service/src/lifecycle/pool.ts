import { BatchError, type PoolPatchParameter, type PoolUpdatePropertiesParameter } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { checkInterval } from "../domain/pool/auto-scale.ts";
import { patchedPool, withProperties } from "../domain/pool/changed-pool.ts";
import { newPool } from "../domain/pool/new-pool.ts";
import { deletingPool, type Pool, type PoolIdentity, type PoolSpec } from "../domain/pool/pool.ts";
import { propertiesWithoutEffect } from "../domain/unsupported.ts";
import type { Sql } from "../store/database.ts";
import { readNodesOfPool } from "../store/nodes.ts";
import { notify } from "../store/notices.ts";
import { countPools, insertPool, lockPool, savePool } from "../store/pools.ts";
import { requireAccount } from "./account.ts";
import { checkPackageReferences } from "./application.ts";
import { beginAutoScale } from "./auto-scale.ts";
import { checkCertificateReferences } from "./certificate.ts";
import { hashPassword } from "./password-hash.ts";
import { checkPoolAction } from "./pool-action.ts";
import type { PoolRules } from "./quotas.ts";

/**
 * Adds a pool; the service makes its nodes in the background.
 * @param rules how many pools the account may have, among others
 * @throws BatchError PoolExists, PoolBeingDeleted, PoolQuotaReached, or what is wrong with the body
 */
export async function addPool(
  sql: Sql,
  account: Account,
  body: PoolSpec,
  { now, isAuto = false, ...rules }: PoolRules & { readonly now: Date; readonly isAuto?: boolean },
): Promise<{ id: string; etag: string }> {
  await requireAccount(sql, account);
  const { poolQuota } = rules;
  const pool = withHashedPasswords(newPool(body, account, now));
  checkInterval(body.autoScaleEvaluationInterval, rules.autoScaleMinimumSeconds);
  await checkCertificateReferences(sql, account, body.certificateReferences);
  await checkPackageReferences(sql, account, body.applicationPackageReferences);
  const existing = await lockPool(sql, account, pool.id);
  if (existing) throw new BatchError(existing.state === "deleting" ? "PoolBeingDeleted" : "PoolExists");
  if ((await countPools(sql, account)) >= poolQuota)
    throw new BatchError("PoolQuotaReached", {
      Reason: `The account may have ${poolQuota} pools (setting pool-quota)`,
    });
  const inserted = await insertPool(sql, { ...pool, isAuto });
  if (!inserted) throw new BatchError("PoolExists");
  if (pool.enableAutoScale) await beginAutoScale(sql, { ...pool, ...inserted }, { settings: rules, now });
  await notify(sql, "pools");
  const withoutEffect = propertiesWithoutEffect(pool.spec);
  if (withoutEffect.length > 0) rules.tellWithoutEffect(pool.id, withoutEffect);
  return { id: pool.id, etag: inserted.etag };
}

/** Replaces the given properties of a pool; most of them may change only while it has no nodes. */
export async function patchPool(
  sql: Sql,
  account: Account,
  pool: Pool,
  { body, now }: { readonly body: PoolPatchParameter & PoolIdentity; readonly now: Date },
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
  await savePool(sql, deletingPool(pool, now), "client");
  await notify(sql, "pools");
}

/** Only hashes of the passwords are kept: nodes need nothing else. */
function withHashedPasswords<P extends Pick<Pool, "spec">>(pool: P): P {
  const { userAccounts } = pool.spec;
  if (!userAccounts) return pool;
  const hashed = userAccounts.map((user) => ({ ...user, password: hashPassword(user.password) }));
  return { ...pool, spec: { ...pool.spec, userAccounts: hashed } };
}
