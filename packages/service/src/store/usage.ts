import type { Account } from "../domain/account/account.ts";
import type { Job } from "../domain/job/job.ts";
import type { JobSchedule } from "../domain/job-schedule/job-schedule.ts";
import type { JobUsage, Usage } from "../domain/task/usage.ts";
import { asJson, type Sql } from "./database.ts";

/** Adds to what jobs have used up; a job is named once. */
export async function addJobUsage(sql: Sql, changes: readonly JobUsage[]): Promise<void> {
  const rows = changes.map(({ jobPk, ...usage }) => ({
    job_pk: jobPk,
    wall_clock_seconds: usage.wallClockSeconds,
    wait_seconds: usage.waitSeconds,
    succeeded: usage.succeeded,
    failed: usage.failed,
    retries: usage.retries,
  }));
  await sql`
    insert into job_usage as u (job_pk, shard, wall_clock_seconds, wait_seconds, succeeded, failed, retries)
    select job_pk, pg_backend_pid() % 16, wall_clock_seconds, wait_seconds, succeeded, failed, retries
    from jsonb_populate_recordset(null::job_usage, ${asJson(rows)}::text::jsonb)
    order by job_pk
    on conflict (job_pk, shard) do update set
      wall_clock_seconds = u.wall_clock_seconds + excluded.wall_clock_seconds,
      wait_seconds = u.wait_seconds + excluded.wait_seconds,
      succeeded = u.succeeded + excluded.succeeded,
      failed = u.failed + excluded.failed,
      retries = u.retries + excluded.retries`;
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
      select wall_clock_seconds, wait_seconds, succeeded, failed, retries
      from account_usage where account_pk = ${account.pk}
      union all
      select c.wall_clock_seconds, c.wait_seconds, c.succeeded, c.failed, c.retries
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
      insert into job_schedule_usage as u (job_schedule_pk, wall_clock_seconds, wait_seconds, succeeded, failed, retries)
      select job_schedule_pk, wall_clock_seconds, wait_seconds, succeeded, failed, retries
      from job_total where job_schedule_pk is not null
      on conflict (job_schedule_pk) do update set ${addedUp(sql)}
    )
    insert into account_usage as u (account_pk, wall_clock_seconds, wait_seconds, succeeded, failed, retries)
    select account_pk, wall_clock_seconds, wait_seconds, succeeded, failed, retries from job_total
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
      select job_schedule_pk as pk, wall_clock_seconds, wait_seconds, succeeded, failed, retries
      from job_schedule_usage where job_schedule_pk = any(${pks}::bigint[])
      union all
      select j.job_schedule_pk, c.wall_clock_seconds, c.wait_seconds, c.succeeded, c.failed, c.retries
      from job j join job_usage c on c.job_pk = j.pk
      where j.job_schedule_pk = any(${pks}::bigint[])
    ) as u
    group by u.pk`;
  return new Map(rows.map(({ pk, ...usage }) => [pk, usage]));
}

/** The sums of usage rows `u`. */
function totals(sql: Sql) {
  return sql`
    coalesce(sum(u.wall_clock_seconds), 0) as wall_clock_seconds, coalesce(sum(u.wait_seconds), 0) as wait_seconds,
    coalesce(sum(u.succeeded), 0)::bigint as succeeded, coalesce(sum(u.failed), 0)::bigint as failed,
    coalesce(sum(u.retries), 0)::bigint as retries`;
}

/** A usage row `u` plus what is being inserted. */
function addedUp(sql: Sql) {
  return sql`
    wall_clock_seconds = u.wall_clock_seconds + excluded.wall_clock_seconds,
    wait_seconds = u.wait_seconds + excluded.wait_seconds,
    succeeded = u.succeeded + excluded.succeeded,
    failed = u.failed + excluded.failed,
    retries = u.retries + excluded.retries`;
}
