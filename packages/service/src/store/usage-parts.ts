import type { Account } from "../domain/account/account.ts";
import type { Grouping } from "../domain/usage/grouping.ts";
import type { UsagePart } from "../domain/usage/usage-report.ts";
import type { Sql } from "./database.ts";

interface UsageQuestion {
  readonly from: Date;
  readonly to: Date;
  readonly groupings: readonly Grouping[];
  readonly limit: number;
}

/**
 * What an account has used between two instants: of nodes exactly, of tasks by whole days, each day that the time
 * touches. In the order of the groups.
 */
export async function readUsageParts(
  sql: Sql,
  account: Account,
  { from, to, groupings, limit }: UsageQuestion,
): Promise<UsagePart[]> {
  const byDay = groupings.some(({ kind }) => kind === "day");
  return sql<UsagePart[]>`
    with life as (
      select pool_id, vm_size, cores, is_dedicated, tags, start_time, end_time from node_life
      where account_pk = ${account.pk} and end_time > ${from} and start_time < ${to}
      union all
      select p.id, p.vm_size, p.cores, n.is_dedicated, coalesce(p.spec -> 'metadata', '[]'), n.allocation_time, ${to}
      from node n join pool p on p.pk = n.pool_pk
      where p.account_pk = ${account.pk} and n.allocation_time < ${to}
    ), part_of_life as (
      ${byDay ? daysOfLives(sql, from, to) : sql`select l.*, null::date as day, greatest(start_time, ${from}) as begun, least(end_time, ${to}) as ended from life l`}
    ), used as (
      select day, pool_id, null as job_id, vm_size, is_dedicated, cores, tags,
        cores * extract(epoch from ended - begun)::double precision as node_core_seconds, 0::double precision as task_core_seconds,
        0::double precision as cpu_seconds, 0::double precision as run_seconds, 0 as succeeded, 0 as failed
      from part_of_life where ended > begun
      union all
      select day, pool_id, job_id, vm_size, is_dedicated, 0, tags, 0, core_seconds, cpu_seconds, run_seconds, succeeded, failed
      from task_usage
      where account_pk = ${account.pk} and day >= (${from}::timestamptz at time zone 'utc')::date and day < ${to}::timestamptz at time zone 'utc'
    )
    select ${groupingColumns(sql, groupings)} as "values", vm_size, is_dedicated, max(cores) as cores,
      sum(node_core_seconds) as node_core_seconds, sum(task_core_seconds) as task_core_seconds,
      sum(cpu_seconds) as cpu_seconds, sum(run_seconds) as run_seconds, sum(succeeded)::bigint as succeeded,
      sum(failed)::bigint as failed
    from used
    group by 1, 2, 3
    order by 1, 2, 3
    limit ${limit}`;
}

/** Days of UTC have 24 hours, whatever the time zone of the database. */
const daysOfLives = (sql: Sql, from: Date, to: Date) => sql`
  select l.*, (d.day at time zone 'utc')::date as day, greatest(l.start_time, ${from}, d.day) as begun,
    least(l.end_time, ${to}, d.day + interval '24 hours') as ended
  from life l, generate_series(
    date_bin('24 hours', greatest(l.start_time, ${from}), timestamptz 'epoch'), least(l.end_time, ${to}),
    interval '24 hours'
  ) as d (day)`;

const columns = {
  day: "day::text",
  pool: "pool_id",
  job: "job_id",
  vmsize: "vm_size",
  dedicated: "is_dedicated::text",
} as const;

function groupingColumns(sql: Sql, groupings: readonly Grouping[]) {
  if (groupings.length === 0) return sql`jsonb_build_array()`;
  const parts = groupings.map((grouping) =>
    grouping.kind === "tag"
      ? sql`(select item ->> 'value' from jsonb_array_elements(tags) item where item ->> 'name' = ${grouping.name} limit 1)`
      : sql.unsafe(columns[grouping.kind]),
  );
  return sql`jsonb_build_array(${parts.map((part, index) => (index === 0 ? part : sql`, ${part}`))})`;
}
