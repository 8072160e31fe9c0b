import type { Account } from "../domain/account/account.ts";
import type { Filter } from "../domain/filter.ts";
import type { Sql } from "./database.ts";
import { type FilterColumns, filterToSql } from "./filter.ts";

/** Core hours of a pool in one interval; a pool that had several sizes in it has a row for each. */
export interface PoolUsage {
  readonly poolId: string;
  readonly poolKey: string;
  readonly vmSize: string;
  readonly startTime: Date;
  readonly endTime: Date;
  readonly coreHours: number;
}

/** Where a page of usage ended. */
export interface UsagePlace {
  readonly startTime: Date;
  readonly poolKey: string;
  readonly vmSize: string;
}

/** What `$filter` may say of usage. */
const usageFilterColumns: FilterColumns = { poolId: { column: "pool_key", type: "id", operators: ["eq"] } };

/** Length of the intervals, which begin at full and half hours. */
export const usageSeconds = 1800;

/** One page of the usage in the intervals between two instants, by time and pool. */
export async function listPoolUsage(
  sql: Sql,
  account: Account,
  page: { from: Date; until: Date; filter?: Filter; after?: UsagePlace; limit: number },
): Promise<PoolUsage[]> {
  const { from, until, filter, after, limit } = page;
  const seconds = `${usageSeconds} seconds`;
  return sql<PoolUsage[]>`
    with life as (
      select pool_key, pool_id, vm_size, cores, start_time, end_time from node_life
      where account_pk = ${account.pk} and end_time > ${from} and start_time < ${until}
      union all
      select p.key, p.id, p.vm_size, p.cores, n.allocation_time, ${until}::timestamptz
      from node n join pool p on p.pk = n.pool_pk
      where p.account_pk = ${account.pk} and n.allocation_time < ${until}
    ),
    part as (
      select pool_key, pool_id, vm_size, at as start_time, at + ${seconds}::interval as end_time,
        cores * extract(epoch from least(end_time, at + ${seconds}::interval) - greatest(start_time, at)) / 3600 as hours
      from life, generate_series(
        date_bin(${seconds}::interval, greatest(start_time, ${from}), timestamptz 'epoch'),
        least(end_time, ${until}::timestamptz), ${seconds}::interval
      ) as at
      where at >= ${from} and at + ${seconds}::interval <= ${until} and end_time > at
    )
    select pool_key, min(pool_id) as pool_id, vm_size, start_time, end_time, sum(hours)::double precision as core_hours
    from part
    where true
      ${filter ? sql`and ${filterToSql(sql, filter, usageFilterColumns)}` : sql``}
      ${after ? sql`and (start_time, pool_key, vm_size) > (${after.startTime}, ${after.poolKey}, ${after.vmSize})` : sql``}
    group by start_time, end_time, pool_key, vm_size
    order by start_time, pool_key, vm_size
    limit ${limit}`;
}
