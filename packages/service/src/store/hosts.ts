import { asJson, type Sql } from "./database.ts";

/** A machine, allocation or pod that runs one agent and any number of nodes. */
export interface Host {
  readonly id: string;
  /** The name of the provider that has started it. */
  readonly provider: string;
  readonly address: string;
  readonly capacity: { readonly cores: number; readonly memoryBytes: number };
  readonly labels: Readonly<Record<string, string>>;
  readonly agentVersion: string;
  /** The server that holds its link, or held it last. */
  readonly serverId: string;
}

/** Notes a host that has connected. */
export async function saveHost(sql: Sql, host: Host, now: Date): Promise<void> {
  await sql`
    insert into host (id, provider, address, capacity, labels, agent_version, server_id, seen)
    values (
      ${host.id}, ${host.provider}, ${host.address}, ${asJson(host.capacity)}::text::jsonb,
      ${asJson(host.labels)}::text::jsonb, ${host.agentVersion}, ${host.serverId}, ${now}
    )
    on conflict (id) do update set
      provider = excluded.provider, address = excluded.address, capacity = excluded.capacity, labels = excluded.labels,
      agent_version = excluded.agent_version, server_id = excluded.server_id, seen = excluded.seen`;
}

const noteSeconds = 5;

/** Notes that hosts were heard of; not each time, since nobody needs it that exactly. */
export async function touchHosts(sql: Sql, ids: readonly string[], now: Date): Promise<void> {
  await sql`
    update host set seen = ${now}
    where id = any(${[...ids]}::text[]) and seen < ${now}::timestamptz - make_interval(secs => ${noteSeconds})`;
}

/** Forgets hosts that have no nodes and were not heard of since an instant. */
export async function forgetHosts(sql: Sql, since: Date): Promise<void> {
  await sql`
    delete from host where seen < ${since} and not exists (select from node where node.host_id = host.id)`;
}
