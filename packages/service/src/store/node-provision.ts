import { nodeStatesBefore } from "../domain/node/node.ts";
import type { NodeToMake, NodeToProvide } from "../domain/node/provided-nodes.ts";
import type { Pool } from "../domain/pool/pool.ts";
import type { Retention } from "../domain/task/retention.ts";
import { asArray, asJson, type Sql } from "./database.ts";

export interface NewNode {
  readonly id: string;
  readonly isDedicated: boolean;
}

/** Inserts nodes in `creating`; each gets its secret when its provider is asked for it. */
export async function insertNodes(sql: Sql, pool: Pool, nodes: readonly NewNode[], now: Date): Promise<void> {
  const rows = nodes.map(({ id, isDedicated }) => ({ id, is_dedicated: isDedicated }));
  await sql`
    insert into node (pool_pk, id, state, state_transition_time, is_dedicated, allocation_time, slots)
    select ${pool.pk}, id, 'creating', ${now}::timestamptz, is_dedicated, ${now}::timestamptz, ${pool.taskSlotsPerNode}
    from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as given (id text, is_dedicated boolean)`;
}

/** Gives nodes new secrets, of which only the SHA-256 is kept. */
export async function saveTokens(sql: Sql, tokens: readonly { id: string; tokenHash: string }[]): Promise<void> {
  const rows = tokens.map(({ id, tokenHash }) => ({ id, token_hash: tokenHash }));
  await sql`
    update node set token_hash = decode(g.token_hash, 'hex')
    from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as g (id text, token_hash text)
    where node.id = g.id`;
}

/**
 * Marks nodes as leaving; they get no more tasks, and go when the last one has ended.
 * @param retainsData whether they stay until the files of their tasks need no longer be kept
 */
export async function leavePool(
  sql: Sql,
  pks: readonly number[],
  { retainsData }: { retainsData: boolean },
  now: Date,
): Promise<void> {
  await sql`
    update node set
      state = 'leavingpool', retains_data = ${retainsData}, retained_until = null,
      state_transition_time = case when state = 'leavingpool' then state_transition_time else ${now} end
    where pk = any(${[...pks]}::bigint[]) and state = any(${nodeStatesBefore("leave")})`;
}

/** Leaving nodes stay after all, and take tasks again. */
export async function stayInPool(sql: Sql, pks: readonly number[], now: Date): Promise<void> {
  await sql`
    update node set
      state = case when running_tasks > 0 then 'running' else 'idle' end, state_transition_time = ${now},
      retains_data = false, retained_until = null
    where pk = any(${[...pks]}::bigint[]) and state = any(${nodeStatesBefore("stay")})`;
}

/** When the last task with each retention time ended on a node; it looks at every task of the pool's jobs. */
export async function readRetentions(sql: Sql, nodePk: number): Promise<Retention[]> {
  return sql<Retention[]>`
    select max(t.end_time) as end_time, t.spec -> 'constraints' ->> 'retentionTime' as retention_time
    from node n
    join pool p on p.pk = n.pool_pk
    join job j on j.account_pk = p.account_pk and j.pool_key = p.key
    join task t on t.job_pk = j.pk and t.state = 'completed' and t.node_info ->> 'nodeId' = n.id
    where n.pk = ${nodePk} and t.end_time is not null
    group by 2`;
}

export async function saveRetainedUntil(sql: Sql, nodePk: number, until: Date): Promise<void> {
  await sql`update node set retained_until = ${until} where pk = ${nodePk}`;
}

/** All nodes, those that a provider should be running and those that it should not; read every second. */
export async function readNodesToProvide(sql: Sql): Promise<NodeToProvide[]> {
  return sql<NodeToProvide[]>`
    select pk, id, state, running_tasks, retains_data, retained_until, start_failures, pending_reason
    from node order by pk`;
}

/** What nodes are to be, for their provider. */
export async function readNodeSpecs(sql: Sql, pks: readonly number[]): Promise<NodeToMake[]> {
  return sql<NodeToMake[]>`
    select n.id, n.is_dedicated, p.vm_size, p.cores, p.id as pool_id, a.name as account_name,
      coalesce(p.spec -> 'metadata', '[]'::jsonb) as metadata
    from node n join pool p on p.pk = n.pool_pk join account a on a.pk = p.account_pk
    where n.pk = any(${[...pks]}::bigint[])`;
}

/** Deletes nodes that are gone; what they were used for stays known. */
export async function deleteNodes(sql: Sql, pks: readonly number[], now: Date): Promise<void> {
  await sql`
    with gone as (delete from node where pk = any(${[...pks]}::bigint[]) returning pool_pk, is_dedicated, allocation_time)
    insert into node_life (
      account_pk, pool_pk, pool_key, pool_id, vm_size, cores, is_dedicated, start_time, end_time, tags
    )
    select p.account_pk, p.pk, p.key, p.id, p.vm_size, p.cores, g.is_dedicated, g.allocation_time,
      greatest(${now}::timestamptz, g.allocation_time), coalesce(p.spec -> 'metadata', '[]')
    from gone g join pool p on p.pk = g.pool_pk`;
}

/** Notes which nodes the provider has started and which it could not start. */
export async function saveStarts(
  sql: Sql,
  outcomes: readonly { readonly nodeId: string; readonly reason?: string }[],
): Promise<void> {
  const rows = outcomes.map(({ nodeId, reason }) => ({ id: nodeId, reason: reason ?? null }));
  await sql`
    update node set
      start_failures = case when g.reason is null then 0 else start_failures + 1 end, start_failure = g.reason
    from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as g (id text, reason text)
    where node.id = g.id and (g.reason is not null or start_failures > 0)`;
}

/** Notes why nodes are not there yet. */
export async function savePendingReasons(
  sql: Sql,
  reasons: readonly { readonly pk: number; readonly reason: string | null }[],
): Promise<void> {
  if (reasons.length === 0) return;
  await sql`
    update node set pending_reason = g.reason
    from unnest(
      ${reasons.map(({ pk }) => pk)}::bigint[], ${asArray(reasons.map(({ reason }) => reason))}::text::text[]
    ) as g (pk, reason)
    where node.pk = g.pk`;
}

/** Preempted nodes come back under their ids when their time away is over. */
export async function recreatePreempted(sql: Sql, pks: readonly number[], since: Date, now: Date): Promise<number> {
  const recreated = await sql`
    update node set
      state = 'creating', state_transition_time = ${now}, start_failures = 0, start_failure = null, errors = null,
      pending_action = null, restart_id = null, setup_id = null, package_run_id = null, retains_data = false, retained_until = null,
      last_boot_time = null, last_seen = null, start_run_id = null, start_task_info = null
    where pk = any(${[...pks]}::bigint[]) and state = any(${nodeStatesBefore("recreate")})
      and state_transition_time <= ${since}`;
  return recreated.count;
}
