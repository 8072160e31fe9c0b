import type { NodeUser } from "../domain/pool/user-accounts.ts";
import type { Sql } from "./database.ts";

/** Adds a user; false when the node has one of that name. */
export async function insertNodeUser(sql: Sql, nodePk: number, user: NodeUser): Promise<boolean> {
  const inserted = await sql`
    insert into node_user (node_pk, name, is_admin, password_hash, ssh_public_key, expiry_time)
    values (${nodePk}, ${user.name}, ${user.isAdmin}, ${user.passwordHash}, ${user.sshPublicKey}, ${user.expiryTime})
    on conflict do nothing`;
  return inserted.count > 0;
}

/** Replaces what a user may log in with, and until when; false when the node has no such user. */
export async function updateNodeUser(
  sql: Sql,
  nodePk: number,
  user: Pick<NodeUser, "name" | "passwordHash" | "sshPublicKey" | "expiryTime">,
): Promise<boolean> {
  const updated = await sql`
    update node_user set
      password_hash = ${user.passwordHash}, ssh_public_key = ${user.sshPublicKey}, expiry_time = ${user.expiryTime}
    where node_pk = ${nodePk} and name = ${user.name}`;
  return updated.count > 0;
}

/** False when the node has no such user. */
export async function deleteNodeUser(sql: Sql, nodePk: number, name: string): Promise<boolean> {
  return (await sql`delete from node_user where node_pk = ${nodePk} and name = ${name}`).count > 0;
}

export async function deleteNodeUsers(sql: Sql, nodePk: number): Promise<void> {
  await sql`delete from node_user where node_pk = ${nodePk}`;
}

/** Deletes the users whose time is over; answers which nodes had them. */
export async function deleteExpiredUsers(sql: Sql, now: Date): Promise<number[]> {
  const rows = await sql<{ nodePk: number }[]>`
    delete from node_user where expiry_time <= ${now} returning node_pk`;
  return [...new Set(rows.map(({ nodePk }) => nodePk))];
}

export async function readNodeUsers(sql: Sql, nodePk: number): Promise<NodeUser[]> {
  return sql<NodeUser[]>`
    select name, is_admin, password_hash, ssh_public_key, expiry_time from node_user
    where node_pk = ${nodePk} order by name`;
}
