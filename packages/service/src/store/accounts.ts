import type { Account } from "../domain/account/account.ts";
import { asJson, type Sql } from "./database.ts";
import { firstBytes, type Sized } from "./page.ts";

/** What an account is read from, in a statement that calls its table `a`. */
export const accountColumns = (sql: Sql) => sql`
  a.pk, a.name, a.keys, a.state, a.subscription_id, a.resource_group, a.storage_account, a.last_key_sync, a.spec`;

export async function readAccount(sql: Sql, name: string): Promise<Account | undefined> {
  const [account] = await sql<Account[]>`select ${accountColumns(sql)} from account a where a.name = ${name}`;
  return account;
}

export async function lockAccount(sql: Sql, name: string): Promise<Account | undefined> {
  const [account] = await sql<Account[]>`
    select ${accountColumns(sql)} from account a where a.name = ${name} for no key update`;
  return account;
}

/** Keeps an account from being deleted until the transaction ends; false when it is gone. */
export async function holdAccount(sql: Sql, { pk }: Pick<Account, "pk">): Promise<boolean> {
  return (await sql`select pk from account where pk = ${pk} for key share`).count > 0;
}

/** Locks an account so that nothing can be added to it any more: it is to be deleted. */
export async function lockAccountToDelete(sql: Sql, { pk }: Account): Promise<void> {
  await sql`select pk from account where pk = ${pk} for update`;
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

interface AccountPage {
  readonly subscriptionId: string;
  readonly resourceGroup?: string;
  readonly after?: string;
  readonly limit: number;
}

/**
 * One page of the accounts of a subscription, or of one of its resource groups, in the order of their names; the names
 * of both are compared without case.
 */
export async function listAccounts(sql: Sql, page: AccountPage): Promise<Sized<Account>[]> {
  const { subscriptionId, resourceGroup, after = "", limit } = page;
  const rows = sql`
    select ${accountColumns(sql)}, a.spec_bytes from account a
    where name > ${after} and lower(subscription_id) = lower(${subscriptionId})
      ${resourceGroup === undefined ? sql`` : sql`and lower(resource_group) = lower(${resourceGroup})`}
    order by name limit ${limit}`;
  return sql<Sized<Account>[]>`${firstBytes(sql, rows, "name")}`;
}

/** Under which names an account is kept, and in which region it says that it is. */
export interface AccountPlace extends Pick<Account, "name" | "subscriptionId" | "resourceGroup"> {
  readonly location: string;
}

export async function listAccountPlaces(sql: Sql): Promise<AccountPlace[]> {
  return sql<AccountPlace[]>`
    select name, subscription_id, resource_group, spec ->> 'location' as location from account order by name`;
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
