import type { Account } from "../domain/account/account.ts";
import type { Job } from "../domain/job/job.ts";
import type { JobSchedule } from "../domain/job-schedule/job-schedule.ts";
import type { JobUsage, Usage } from "../domain/task/usage.ts";
import { asJson, type Sql } from "./database.ts";

/** Adds to what jobs have used up; a job is named once. */
export async function addJobUsage(sql: Sql, changes: readonly JobUsage[]): Promise<void> {
  const rows = changes.map((usage) => ({
    job_pk: usage.jobPk,
    wall_clock_seconds: usage.wallClockSeconds,
    wait_seconds: usage.waitSeconds,
    succeeded: usage.succeeded,
    failed: usage.failed,
    retries: usage.retries,
    user_seconds: usage.userSeconds,
    kernel_seconds: usage.kernelSeconds,
    memory_peak: usage.memoryPeak,
    read_bytes: usage.readBytes,
    write_bytes: usage.writeBytes,
    read_operations: usage.readOperations,
    write_operations: usage.writeOperations,
  }));
  await sql`
    insert into job_usage as u (job_pk, shard, ${columns(sql)})
    select job_pk, pg_backend_pid() % 16, ${columns(sql)}
    from jsonb_populate_recordset(null::job_usage, ${asJson(rows)}::text::jsonb)
    order by job_pk
    on conflict (job_pk, shard) do update set ${addedUp(sql)}`;
}

/** What each of these jobs has used up; nothing for those of which no task has run. */
export async function readJobUsage(sql: Sql, jobs: readonly Pick<Job, "pk">[]): Promise<Map<number, Usage>> {
  const rows = await sql<JobUsage[]>`
    select u.job_pk, ${totals(sql)} from job_usage u
    where u.job_pk = any(${jobs.map(({ pk }) => pk)}::bigint[])
    group by u.job_pk`;
  return new Map(rows.map((row) => [row.jobPk, row]));
}

/** What all jobs of an account have used up since it was made, those that are gone included. */
export async function readAccountUsage(
  sql: Sql,
  account: Account,
): Promise<{ readonly usage: Usage; readonly since: Date }> {
  const [row] = await sql<(Usage & { readonly since: Date })[]>`
    select ${totals(sql)}, (select creation_time from account where pk = ${account.pk}) as since
    from (
      select ${columns(sql)} from account_usage where account_pk = ${account.pk}
      union all
      select ${columns(sql, "c.")}
      from job_usage c join job j on j.pk = c.job_pk
      where j.account_pk = ${account.pk}
    ) as u`;
  if (!row) throw new Error("an aggregate without a row");
  const { since, ...usage } = row;
  return { usage, since };
}

/** Adds a job's usage to that of its account and of its schedule, because the job is about to go. */
export async function keepUsage(sql: Sql, jobPk: number): Promise<void> {
  await sql`
    with job_total as (
      select j.account_pk, j.job_schedule_pk, ${totals(sql)}
      from job j join job_usage u on u.job_pk = j.pk
      where j.pk = ${jobPk}
      group by j.account_pk, j.job_schedule_pk
    ), kept_by_schedule as (
      insert into job_schedule_usage as u (job_schedule_pk, ${columns(sql)})
      select job_schedule_pk, ${columns(sql)} from job_total where job_schedule_pk is not null
      on conflict (job_schedule_pk) do update set ${addedUp(sql)}
    )
    insert into account_usage as u (account_pk, ${columns(sql)})
    select account_pk, ${columns(sql)} from job_total
    on conflict (account_pk) do update set ${addedUp(sql)}`;
  await sql`delete from job_usage where job_pk = ${jobPk}`;
}

/** What each of these schedules' jobs have used up, those that are gone included. */
export async function readJobScheduleUsage(
  sql: Sql,
  schedules: readonly Pick<JobSchedule, "pk">[],
): Promise<Map<number, Usage>> {
  const pks = schedules.map(({ pk }) => pk);
  const rows = await sql<(Usage & { readonly pk: number })[]>`
    select u.pk, ${totals(sql)}
    from (
      select job_schedule_pk as pk, ${columns(sql)} from job_schedule_usage where job_schedule_pk = any(${pks}::bigint[])
      union all
      select j.job_schedule_pk, ${columns(sql, "c.")}
      from job j join job_usage c on c.job_pk = j.pk
      where j.job_schedule_pk = any(${pks}::bigint[])
    ) as u
    group by u.pk`;
  return new Map(rows.map(({ pk, ...usage }) => [pk, usage]));
}

/** What is added up of usage, and how it is read. */
const sums = {
  wall_clock_seconds: "double precision",
  wait_seconds: "double precision",
  succeeded: "bigint",
  failed: "bigint",
  retries: "bigint",
  user_seconds: "double precision",
  kernel_seconds: "double precision",
  read_bytes: "double precision",
  write_bytes: "double precision",
  read_operations: "double precision",
  write_operations: "double precision",
} as const;

const names = Object.keys(sums);

const columns = (sql: Sql, prefix: "" | "c." = "") =>
  sql.unsafe([...names, "memory_peak"].map((name) => `${prefix}${name}`).join(", "));

/** The sums of usage rows `u`, and the highest peak. */
const totals = (sql: Sql) =>
  sql.unsafe(
    [
      ...Object.entries(sums).map(([name, type]) => `coalesce(sum(u.${name}), 0)::${type} as ${name}`),
      "coalesce(max(u.memory_peak), 0) as memory_peak",
    ].join(", "),
  );

/** A usage row `u` plus what is being inserted. */
const addedUp = (sql: Sql) =>
  sql.unsafe(
    [
      ...names.map((name) => `${name} = u.${name} + excluded.${name}`),
      "memory_peak = greatest(u.memory_peak, excluded.memory_peak)",
    ].join(", "),
  );
