import type { Account } from "../domain/account.ts";
import { asJson, type Sql } from "./database.ts";

/** What an account is read from, in a statement that calls its table `a`. */
export const accountColumns = (sql: Sql) => sql`
  a.pk, a.name, a.keys, a.state, a.subscription_id, a.resource_group, a.storage_account, a.last_key_sync, a.spec`;

export async function readAccount(sql: Sql, name: string): Promise<Account | undefined> {
  const [account] = await sql<Account[]>`select ${accountColumns(sql)} from account a where a.name = ${name}`;
  return account;
}

export async function lockAccount(sql: Sql, name: string): Promise<Account | undefined> {
  const [account] = await sql<
    Account[]
  >`select ${accountColumns(sql)} from account a where a.name = ${name} for update`;
  return account;
}

export interface FirstAccount {
  readonly name: string;
  /** The primary key of an account that is made now, and the secondary one where that is missing. */
  readonly newKeys: readonly [string, string];
  /** Becomes the primary key, whatever it was. */
  readonly givenKey: string | undefined;
  readonly storageAccount: string | null;
}

/** Makes the account that a server starts with if it is missing, and links it with the server's storage account. */
export async function ensureAccount(sql: Sql, first: FirstAccount, now: Date): Promise<Account | undefined> {
  const { name, newKeys, givenKey, storageAccount } = first;
  const [primary, secondary] = newKeys;
  const [account] = await sql<Account[]>`
    insert into account as a (name, keys, creation_time, storage_account, last_key_sync)
    values (${name}, ${[givenKey ?? primary, secondary]}, ${now}, ${storageAccount}, ${now})
    on conflict (name) do update set
      keys = array[coalesce(${givenKey ?? null}::text, a.keys[1]), coalesce(a.keys[2], ${secondary})],
      storage_account = ${storageAccount},
      last_key_sync = coalesce(a.last_key_sync, ${now})
    returning ${accountColumns(sql)}`;
  return account;
}

export type NewAccount = Omit<Account, "pk" | "state">;

/** Inserts an account; undefined when there is one of that name. */
export async function insertAccount(sql: Sql, account: NewAccount, now: Date): Promise<Account | undefined> {
  const [inserted] = await sql<Account[]>`
    insert into account as a (
      name, keys, creation_time, subscription_id, resource_group, storage_account, last_key_sync, spec
    ) values (
      ${account.name}, ${[...account.keys]}, ${now}, ${account.subscriptionId}, ${account.resourceGroup},
      ${account.storageAccount}, ${account.lastKeySync}, ${asJson(account.spec)}::text::jsonb
    ) on conflict (name) do nothing
    returning ${accountColumns(sql)}`;
  return inserted;
}

export async function saveAccount(sql: Sql, account: Account): Promise<Account> {
  await sql`
    update account set
      keys = ${[...account.keys]},
      state = ${account.state},
      storage_account = ${account.storageAccount},
      last_key_sync = ${account.lastKeySync},
      spec = ${asJson(account.spec)}::text::jsonb
    where pk = ${account.pk}`;
  return account;
}

/** All accounts, those of a subscription, or of one of its resource groups; names of both are compared without case. */
export async function listAccounts(
  sql: Sql,
  { subscriptionId, resourceGroup }: { readonly subscriptionId?: string; readonly resourceGroup?: string } = {},
): Promise<Account[]> {
  return sql<Account[]>`
    select ${accountColumns(sql)} from account a
    where true
      ${subscriptionId === undefined ? sql`` : sql`and lower(subscription_id) = lower(${subscriptionId})`}
      ${resourceGroup === undefined ? sql`` : sql`and lower(resource_group) = lower(${resourceGroup})`}
    order by name`;
}

export async function readDeletingAccounts(sql: Sql): Promise<Account[]> {
  return sql<Account[]>`select ${accountColumns(sql)} from account a where a.state = 'deleting' order by a.pk`;
}

export async function countAccounts(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*) from account`;
  return row?.count ?? 0;
}

export async function readAccountByPk(sql: Sql, pk: number): Promise<Account | undefined> {
  const [account] = await sql<Account[]>`select pk, name, keys from account where pk = ${pk}`;
  return account;
}
