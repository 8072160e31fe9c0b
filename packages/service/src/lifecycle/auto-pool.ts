import { randomUUID } from "node:crypto";
import type { AutoPoolSpecification } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { autoPoolBody, autoPoolId } from "../domain/pool/auto-pool.ts";
import { type AutoPoolOwner, findPoolOfSchedule, insertAutoPool, readEndedAutoPools } from "../store/auto-pools.ts";
import { type Database, type Sql, transaction } from "../store/database.ts";
import { lockPoolByPk } from "../store/pools.ts";
import { addPool, beginDeletePool } from "./pool.ts";
import type { Quotas } from "./quotas.ts";

export interface AddingOptions {
  readonly quotas: Quotas;
  readonly now: Date;
}

/** Who asks for an auto pool. */
export interface AutoPoolUser {
  readonly jobPk: number;
  readonly jobSchedulePk: number | null;
}

/**
 * The id of the pool that a job's specification asks for: the one of its schedule if that has one for all its jobs,
 * otherwise a new one.
 * @throws BatchError when the pool cannot be added
 */
export async function provideAutoPool(
  sql: Sql,
  account: Account,
  { specification, user }: { readonly specification: AutoPoolSpecification; readonly user: AutoPoolUser },
  options: AddingOptions,
): Promise<string> {
  const owner = ownerOf(specification, user);
  const existing =
    "jobSchedulePk" in owner ? await findPoolOfSchedule(sql, owner.jobSchedulePk, specification) : undefined;
  if (existing !== undefined) return existing;
  const id = autoPoolId(specification, randomUUID());
  await addPool(sql, account, autoPoolBody(id, specification), {
    ...options.quotas,
    now: options.now,
    isAuto: true,
  });
  await insertAutoPool(sql, account, id, { owner, specification });
  return id;
}

function ownerOf({ poolLifetimeOption }: AutoPoolSpecification, { jobPk, jobSchedulePk }: AutoPoolUser): AutoPoolOwner {
  return poolLifetimeOption === "jobschedule" && jobSchedulePk !== null ? { jobSchedulePk } : { jobPk };
}

/** Begins to delete auto pools that nothing needs any more. */
export async function removeEndedAutoPools(database: Database, now: Date): Promise<void> {
  for (const pk of await readEndedAutoPools(database))
    await transaction(database, async (sql) => {
      const pool = await lockPoolByPk(sql, pk);
      if (pool?.state === "active") await beginDeletePool(sql, pool, now);
    });
}
