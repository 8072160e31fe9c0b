import type { Sql } from "./database.ts";

/** A server of this database that runs, or did not long ago. */
export interface Server {
  readonly id: string;
  /** Host and port at which other servers reach it. */
  readonly address: string;
}

/** Notes that a server runs. */
export async function saveServer(sql: Sql, { id, address }: Server, now: Date): Promise<void> {
  await sql`
    insert into server (id, address, seen) values (${id}, ${address}, ${now})
    on conflict (id) do update set address = excluded.address, seen = excluded.seen`;
}

export async function deleteServer(sql: Sql, id: string): Promise<void> {
  await sql`delete from server where id = ${id}`;
}

/** Forgets servers that were not heard of since an instant. */
export async function forgetServers(sql: Sql, since: Date): Promise<void> {
  await sql`delete from server where seen < ${since}`;
}

/** The server to which a node's host is connected, or was last. */
export async function readServerOfNode(sql: Sql, nodePk: number): Promise<Server | undefined> {
  const [row] = await sql<Server[]>`
    select s.id, s.address
    from node n join host h on h.id = n.host_id join server s on s.id = h.server_id
    where n.pk = ${nodePk}`;
  return row;
}
