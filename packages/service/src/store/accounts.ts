import type { Account } from "../domain/account.ts";
import type { Sql } from "./database.ts";

export async function readAccount(sql: Sql, name: string): Promise<Account | undefined> {
  const [account] = await sql<Account[]>`select pk, name, keys from account where name = ${name}`;
  return account;
}

/** Makes the account if it is missing; the first key of an account that exists becomes `key`. */
export async function ensureAccount(sql: Sql, name: string, key: string, now: Date): Promise<void> {
  await sql`
    insert into account (name, keys, creation_time) values (${name}, ${[key]}, ${now})
    on conflict (name) do update set keys = array[${key}] || account.keys[2:]`;
}

export async function readAccountByPk(sql: Sql, pk: number): Promise<Account | undefined> {
  const [account] = await sql<Account[]>`select pk, name, keys from account where pk = ${pk}`;
  return account;
}
