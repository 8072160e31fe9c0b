import type { Account } from "../../../domain/account/account.ts";
import type { Database } from "../../../store/database.ts";
import { readPoolByPk } from "../../../store/pools.ts";
import { accountId } from "../handler.ts";

/** What was begun and is over when it is no longer there. */
export interface Removal {
  readonly kind: "account" | "pool";
  readonly pk: number;
}

/** Where a client asks whether a removal has come to its end. The address says all, so that any server can answer. */
export function resultLocation(account: Account, { kind, pk }: Removal): string {
  return `${accountId(account)}/operationResults/${kind}-${pk}`;
}

export async function isUnderWay(database: Database, account: Account, operationId: string): Promise<boolean> {
  const [, kind, pk] = /^(account|pool)-(\d{1,15})$/.exec(operationId) ?? [];
  if (kind === "account") return account.pk === Number(pk);
  const pool = kind === "pool" ? await readPoolByPk(database, Number(pk)) : undefined;
  return pool?.accountPk === account.pk && pool.state === "deleting";
}
