import type { NodeSample } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import type { PoolLoad } from "../domain/pool/pool-statistics.ts";
import { asJson, type Sql } from "./database.ts";

/** Adds samples of nodes to what their pools have had. */
export async function addPoolLoad(
  sql: Sql,
  samples: readonly { readonly nodePk: number; readonly sample: NodeSample }[],
): Promise<void> {
  const rows = samples.map(({ nodePk, sample }) => ({
    node_pk: nodePk,
    cpu: sample.cpuPercent,
    memory: sample.memoryUsedBytes,
    disk: Math.max(0, (sample.diskTotalBytes ?? sample.diskFreeBytes) - sample.diskFreeBytes),
    read_operations: sample.diskReadOperations,
    write_operations: sample.diskWriteOperations,
    read_bytes: sample.diskReadBytes,
    write_bytes: sample.diskWriteBytes,
    in_bytes: sample.networkInBytes,
    out_bytes: sample.networkOutBytes,
  }));
  await sql`
    insert into pool_load as l (
      pool_pk, account_pk, samples, cpu_percent, memory_bytes, memory_peak, disk_bytes, disk_peak, read_operations,
      write_operations, read_bytes, write_bytes, in_bytes, out_bytes
    )
    select p.pk, p.account_pk, count(*), sum(g.cpu), sum(g.memory), max(g.memory), sum(g.disk), max(g.disk),
      sum(g.read_operations), sum(g.write_operations), sum(g.read_bytes), sum(g.write_bytes), sum(g.in_bytes),
      sum(g.out_bytes)
    from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as g (
      node_pk bigint, cpu double precision, memory double precision, disk double precision,
      read_operations double precision, write_operations double precision, read_bytes double precision,
      write_bytes double precision, in_bytes double precision, out_bytes double precision
    )
    join node n on n.pk = g.node_pk
    join pool p on p.pk = n.pool_pk
    group by p.pk, p.account_pk
    order by p.pk
    on conflict (pool_pk) do update set ${addition(sql)}`;
}

const addition = (sql: Sql) => sql`
  samples = l.samples + excluded.samples,
  cpu_percent = l.cpu_percent + excluded.cpu_percent,
  memory_bytes = l.memory_bytes + excluded.memory_bytes,
  memory_peak = greatest(l.memory_peak, excluded.memory_peak),
  disk_bytes = l.disk_bytes + excluded.disk_bytes,
  disk_peak = greatest(l.disk_peak, excluded.disk_peak),
  read_operations = l.read_operations + excluded.read_operations,
  write_operations = l.write_operations + excluded.write_operations,
  read_bytes = l.read_bytes + excluded.read_bytes,
  write_bytes = l.write_bytes + excluded.write_bytes,
  in_bytes = l.in_bytes + excluded.in_bytes,
  out_bytes = l.out_bytes + excluded.out_bytes,
  dedicated_core_seconds = l.dedicated_core_seconds + excluded.dedicated_core_seconds`;

/** What a pool that is deleted has had is counted with all others of its account that are gone. */
export async function keepPoolLoad(sql: Sql, poolPk: number): Promise<void> {
  await sql`
    with gone as (delete from pool_load where pool_pk = ${poolPk} returning *)
    insert into pool_load as l (
      pool_pk, account_pk, samples, cpu_percent, memory_bytes, memory_peak, disk_bytes, disk_peak, read_operations,
      write_operations, read_bytes, write_bytes, in_bytes, out_bytes, dedicated_core_seconds
    )
    select -account_pk, account_pk, samples, cpu_percent, memory_bytes, memory_peak, disk_bytes, disk_peak,
      read_operations, write_operations, read_bytes, write_bytes, in_bytes, out_bytes, dedicated_core_seconds
    from gone
    on conflict (pool_pk) do update set ${addition(sql)}`;
}

/** Keeps of lives of nodes that ended before an instant only how long they were together, for each pool. */
export async function sumUpNodeLives(sql: Sql, before: Date): Promise<void> {
  await sql`
    with past as (delete from node_life where end_time < ${before} returning *)
    insert into pool_load as l (pool_pk, account_pk, dedicated_core_seconds)
    select coalesce(p.pk, -o.account_pk) as pool_pk, o.account_pk,
      coalesce(sum(o.cores * extract(epoch from o.end_time - o.start_time)) filter (where o.is_dedicated), 0)
    from past o left join (select pk from pool order by pk for key share) p on p.pk = o.pool_pk
    group by 1, 2
    order by 1
    on conflict (pool_pk) do update set
      dedicated_core_seconds = l.dedicated_core_seconds + excluded.dedicated_core_seconds`;
}

const sums = (sql: Sql) => sql`
  coalesce(sum(samples), 0)::bigint as samples, coalesce(sum(cpu_percent), 0) as cpu_percent,
  coalesce(sum(memory_bytes), 0) as memory_bytes, coalesce(max(memory_peak), 0) as memory_peak,
  coalesce(sum(disk_bytes), 0) as disk_bytes, coalesce(max(disk_peak), 0) as disk_peak,
  coalesce(sum(read_operations), 0) as read_operations, coalesce(sum(write_operations), 0) as write_operations,
  coalesce(sum(read_bytes), 0) as read_bytes, coalesce(sum(write_bytes), 0) as write_bytes,
  coalesce(sum(in_bytes), 0) as in_bytes, coalesce(sum(out_bytes), 0) as out_bytes`;

/** What these pools have had up to now, by pk. */
export async function readPoolLoads(
  sql: Sql,
  pools: readonly { readonly pk: number }[],
  now: Date,
): Promise<Map<number, PoolLoad>> {
  const pks = pools.map(({ pk }) => pk);
  const rows = await sql<(PoolLoad & { poolPk: number })[]>`
    select p.pool_pk, ${sums(sql)}, (
      select coalesce(sum(cores * extract(epoch from end_time - start_time)), 0)::double precision from (
        select cores, start_time, end_time from node_life where pool_pk = p.pool_pk and is_dedicated
        union all
        select q.cores, n.allocation_time, greatest(${now}::timestamptz, n.allocation_time)
        from node n join pool q on q.pk = n.pool_pk where n.pool_pk = p.pool_pk and n.is_dedicated
      ) as life
    ) + coalesce(sum(l.dedicated_core_seconds), 0) as dedicated_core_seconds
    from unnest(${pks}::bigint[]) as p (pool_pk) left join pool_load l using (pool_pk)
    group by p.pool_pk`;
  return new Map(rows.map((row) => [row.poolPk, row]));
}

/** What all pools of an account have had since the account was made, those that are gone included. */
export async function readAccountLoad(
  sql: Sql,
  account: Account,
  now: Date,
): Promise<{ readonly load: PoolLoad; readonly since: Date }> {
  const [row] = await sql<(PoolLoad & { since: Date })[]>`
    select ${sums(sql)}, (select creation_time from account where pk = ${account.pk}) as since, (
      select coalesce(sum(cores * extract(epoch from end_time - start_time)), 0)::double precision from (
        select cores, start_time, end_time from node_life where account_pk = ${account.pk} and is_dedicated
        union all
        select p.cores, n.allocation_time, greatest(${now}::timestamptz, n.allocation_time)
        from node n join pool p on p.pk = n.pool_pk where p.account_pk = ${account.pk} and n.is_dedicated
      ) as life
    ) + coalesce(sum(dedicated_core_seconds), 0) as dedicated_core_seconds
    from pool_load where account_pk = ${account.pk}`;
  if (!row) throw new Error("an aggregate without a row");
  return { load: row, since: row.since };
}
