import { type NodeMetric, type PoolMetric, poolMetrics } from "@kyanite/contract";
import type { Point } from "../domain/series/report.ts";
import type { SeriesTime } from "../domain/series/steps.ts";
import type { Sql } from "./database.ts";
import type { Sampling } from "./samples.ts";

/** Samples of accounts, pools, nodes and jobs over time: as they were taken, and put together in coarser steps. */

export const coarseTables = ["five_minute_sample", "hour_sample"] as const;

const kinds = ["account", "pool", "node", "job"] as const;
type Kind = (typeof kinds)[number];

export interface Subject {
  readonly kind: Kind;
  readonly pk: number;
}

const nodeExpressions = {
  "cpu.percent": "cpu * 100",
  "memory.usedBytes": "memory_bytes",
  "disk.usedBytes": "disk_bytes",
  "disk.readBytes": "disk_read_bytes",
  "disk.writeBytes": "disk_write_bytes",
  "disk.readOperations": "disk_read_operations",
  "disk.writeOperations": "disk_write_operations",
  "network.inBytes": "network_in_bytes",
  "network.outBytes": "network_out_bytes",
} as const satisfies Record<NodeMetric, string>;

/** Samples of a pool have zeros where no node has told anything. */
const told = (column: string) => `case when sample_nodes > 0 then ${column} end`;
const inState = (state: string) => `coalesce((nodes_by_state ->> '${state}')::real, 0)`;

const poolExpressions = {
  "cpu.percent": told("cpu * 100"),
  "memory.usedBytes": told("memory_megabytes * 1048576"),
  "disk.usedBytes": told("disk_gigabytes * 1073741824"),
  "disk.readBytes": told("disk_read_bytes"),
  "disk.writeBytes": told("disk_write_bytes"),
  "disk.readOperations": told("disk_read_operations"),
  "disk.writeOperations": told("disk_write_operations"),
  "network.inBytes": told("network_in_bytes"),
  "network.outBytes": told("network_out_bytes"),
  "tasks.active": "active_tasks",
  "tasks.running": "running_tasks",
  "tasks.succeeded": "succeeded_tasks",
  "tasks.failed": "failed_tasks",
  "slots.active": "active_slots",
  "slots.running": "running_slots",
  "slots.total": "usable_nodes * task_slots_per_node",
  "wait.oldestSeconds": "oldest_wait_seconds",
  "nodes.dedicated": "current_dedicated_nodes",
  "nodes.lowPriority": "current_low_priority_nodes",
  "nodes.idle": inState("idle"),
  "nodes.rebooting": inState("rebooting"),
  "nodes.reimaging": inState("reimaging"),
  "nodes.running": inState("running"),
  "nodes.unusable": inState("unusable"),
  "nodes.creating": inState("creating"),
  "nodes.starting": inState("starting"),
  "nodes.waitingforstarttask": inState("waitingforstarttask"),
  "nodes.starttaskfailed": inState("starttaskfailed"),
  "nodes.unknown": inState("unknown"),
  "nodes.leavingpool": inState("leavingpool"),
  "nodes.offline": inState("offline"),
  "nodes.preempted": inState("preempted"),
  "nodes.upgradingos": inState("upgradingos"),
  "nodes.deallocated": inState("deallocated"),
  "nodes.deallocating": inState("deallocating"),
} as const satisfies Record<PoolMetric, string>;

/** How pools make up their account: averages of nodes count by the nodes, and of the waits there is the longest. */
function accountExpression([metric, expression]: readonly [string, string]): string {
  if (metric === "wait.oldestSeconds") return `coalesce(max(${expression}), 0)`;
  if (!(metric in nodeExpressions)) return `coalesce(sum(${expression}), 0)`;
  return isLevel(metric) ? `sum((${expression}) * sample_nodes) / nullif(sum(sample_nodes), 0)` : `sum(${expression})`;
}

const isLevel = (metric: string) =>
  Object.entries(poolMetrics).some(([name, { kind }]) => name === metric && kind === "level");

const arrayOf = (expressions: readonly string[]) => `array[${expressions.join(", ")}]::real[]`;

/** Samples as they were taken: their table, whose they are, and the figures in the order of the metrics. */
interface FineSamples {
  readonly table: string;
  readonly subject: string;
  readonly figures: readonly string[];
}

const fineSamples: Readonly<Record<Kind, FineSamples>> = {
  account: {
    table: "account_sample",
    subject: "account_pk",
    figures: Object.keys(poolExpressions).map((_, index) => `figures[${index + 1}]`),
  },
  pool: { table: "pool_sample", subject: "pool_pk", figures: Object.values(poolExpressions) },
  node: { table: "node_sample", subject: "node_pk", figures: Object.values(nodeExpressions) },
  job: { table: "job_sample", subject: "job_pk", figures: ["active", "running", "succeeded", "failed"] },
};

/** Takes the sample of a moment for every account, from those of its pools. */
export async function insertAccountSamples(sql: Sql, { at }: Pick<Sampling, "at">): Promise<void> {
  const figures = arrayOf(Object.entries(poolExpressions).map(accountExpression));
  await sql`
    insert into account_sample (account_pk, at, figures)
    select a.pk, ${at}, ${sql.unsafe(figures)}
    from account a left join (
      select p.account_pk, s.* from pool p join pool_sample s on s.pool_pk = p.pk where s.at = ${at}
    ) s on s.account_pk = a.pk
    group by a.pk
    on conflict do nothing`;
}

/** Notes how far jobs are, where that is another than at their last sample. */
export async function insertJobSamples(sql: Sql, { at, periodSeconds }: Sampling): Promise<void> {
  await sql`
    insert into job_sample (job_pk, at, active, running, succeeded, failed)
    select c.job_pk, ${at}, c.active, c.running, c.succeeded, c.failed
    from (
      select c.job_pk, sum(c.active) as active, sum(c.running) as running, sum(c.succeeded) as succeeded,
        sum(c.failed) as failed
      from task_count c join job j on j.pk = c.job_pk
      where j.state <> 'completed'
        or j.state_transition_time > ${at}::timestamptz - make_interval(secs => ${2 * periodSeconds})
      group by c.job_pk
    ) c
    left join lateral (
      select s.active, s.running, s.succeeded, s.failed from job_sample s
      where s.job_pk = c.job_pk order by s.at desc limit 1
    ) last on true
    where (c.active, c.running, c.succeeded, c.failed)
      is distinct from (last.active, last.running, last.succeeded, last.failed)
    on conflict do nothing`;
}

/** Forgets what is older. */
export async function deleteFineSeries(sql: Sql, before: Date): Promise<void> {
  await sql`delete from account_sample where at < ${before}`;
  await sql`delete from job_sample where at < ${before}`;
}

/** Up to where samples have been put together in five minutes, and in hours; null when none have. */
export interface Folding {
  readonly fiveMinutesUntil: Date | null;
  readonly hoursUntil: Date | null;
}

export async function readFolding(sql: Sql): Promise<Folding> {
  const [row] = await sql<Folding[]>`select * from sample_folding`;
  return row ?? { fiveMinutesUntil: null, hoursUntil: null };
}

/** Two servers that have read the same take turns here; false for the second one. */
export async function saveFolding(sql: Sql, read: Folding, next: Folding): Promise<boolean> {
  const saved = await sql`
    update sample_folding set five_minutes_until = ${next.fiveMinutesUntil}, hours_until = ${next.hoursUntil}
    where five_minutes_until is not distinct from ${read.fiveMinutesUntil}
      and hours_until is not distinct from ${read.hoursUntil}`;
  return saved.count > 0;
}

/** When samples have been put together beyond what can be, it begins anew from an instant on. */
export async function unfoldSamples(sql: Sql, { from, latest }: { from: Date; latest: Date }): Promise<void> {
  const [folding] = await sql<Folding[]>`
    update sample_folding set
      five_minutes_until = date_bin('5 minutes', ${from}, ${origin}), hours_until = date_bin('1 hour', ${from}, ${origin})
    where five_minutes_until > ${latest} returning *`;
  if (!folding) return;
  await sql`delete from five_minute_sample where at >= ${folding.fiveMinutesUntil}`;
  await sql`delete from hour_sample where at >= ${folding.hoursUntil}`;
}

interface Span {
  readonly from: Date;
  readonly until: Date;
}

/** Puts all samples of a time together in steps of five minutes. */
export async function foldIntoFiveMinutes(sql: Sql, { from, until }: Span): Promise<void> {
  for (const kind of kinds) {
    const { table, subject, figures } = fineSamples[kind];
    const each = (aggregate: string) =>
      sql.unsafe(`array[${figures.map((f) => `${aggregate}((${f})::float8)`).join()}]`);
    await sql`
      insert into five_minute_sample (at, kind, subject_pk, counts, totals, lowest, highest)
      select date_bin('5 minutes', at, ${origin}), ${kind}, ${sql(subject)}, ${each("count")}, ${each("sum")},
        ${each("min")}, ${each("max")}
      from ${sql(table)}
      where at >= ${from} and at < ${until}
      group by 1, 3
      on conflict (kind, subject_pk, at) do update set ${replaced(sql)}`;
  }
}

/** Puts all steps of five minutes of a time together in hours. */
export async function foldIntoHours(sql: Sql, { from, until }: Span): Promise<void> {
  await sql`
    insert into hour_sample (at, kind, subject_pk, counts, totals, lowest, highest)
    select at, kind, subject_pk, array_agg(count order by place), array_agg(total order by place),
      array_agg(lowest order by place), array_agg(highest order by place)
    from (
      select date_bin('1 hour', s.at, ${origin}) as at, s.kind, s.subject_pk, place, sum(count) as count,
        sum(total::double precision) as total, min(each.lowest) as lowest, max(each.highest) as highest
      from five_minute_sample s,
        unnest(s.counts, s.totals, s.lowest, s.highest) with ordinality as each (count, total, lowest, highest, place)
      where s.at >= ${from} and s.at < ${until}
      group by 1, 2, 3, 4
    ) step
    group by at, kind, subject_pk
    on conflict (kind, subject_pk, at) do update set ${replaced(sql)}`;
}

const replaced = (sql: Sql) => sql`
  counts = excluded.counts, totals = excluded.totals, lowest = excluded.lowest, highest = excluded.highest`;

const origin = new Date(0);

/**
 * What is known of metrics of one thing, by their places, in the steps of a time. What has not been put together yet is
 * taken from the finer samples, and nothing from two of them.
 */
export async function readSeries(
  sql: Sql,
  { kind, pk }: Subject,
  places: readonly number[],
  { from, to, stepSeconds, source }: SeriesTime,
): Promise<Point[]> {
  const { table, subject, figures } = fineSamples[kind];
  return sql<Point[]>`
    with folded as (
      select
        case when ${source === "hours"} then coalesce(hours_until, '-infinity') else '-infinity' end as hours,
        case when ${source !== "fine"} then coalesce(five_minutes_until, '-infinity') else '-infinity' end as five_minutes
      from sample_folding
    )
    select date_bin(make_interval(secs => ${stepSeconds}), at, ${origin}) as at, place, sum(count) as count,
      sum(total::double precision) as total, min(lowest)::double precision as lowest,
      max(highest)::double precision as highest
    from (
      select at, place, counts[place] as count, totals[place] as total, lowest[place] as lowest, highest[place] as highest
      from hour_sample, unnest(${places}::int[]) as place
      where kind = ${kind} and subject_pk = ${pk} and at >= ${from} and at < ${to}
        and at < (select hours from folded)
      union all
      select at, place, counts[place], totals[place], lowest[place], highest[place]
      from five_minute_sample, unnest(${places}::int[]) as place
      where kind = ${kind} and subject_pk = ${pk} and at >= ${from} and at < ${to}
        and at >= (select hours from folded) and at < (select five_minutes from folded)
      union all
      select at, place, 1, figures[place], figures[place], figures[place]
      from (
        select at, ${sql.unsafe(arrayOf(figures))} as figures from ${sql(table)}
        where ${sql(subject)} = ${pk} and at >= ${from} and at < ${to} and at >= (select five_minutes from folded)
        offset 0
      ) s, unnest(${places}::int[]) as place
      where figures[place] is not null
    ) known
    where count > 0
    group by 1, 2
    order by 1, 2`;
}
