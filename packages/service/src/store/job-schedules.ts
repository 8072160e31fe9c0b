import type { Account } from "../domain/account/account.ts";
import type { Filter } from "../domain/filter.ts";
import type { JobSchedule, NewJobSchedule } from "../domain/job-schedule/job-schedule.ts";
import { asJson, type Sql } from "./database.ts";
import { type FilterColumns, filterToSql } from "./filter.ts";
import { firstBytes, type Sized } from "./page.ts";

const equality = ["eq", "ne"] as const;

/** What `$filter` may say of job schedules. */
const jobScheduleFilterColumns: FilterColumns = {
  id: { column: "key", type: "id" },
  state: { column: "state", type: "state", operators: equality },
  stateTransitionTime: { column: "state_transition_time", type: "time" },
  creationTime: { column: "creation_time", type: "time" },
  lastModified: { column: "last_modified", type: "time" },
  "executionInfo/endTime": { column: "end_time", type: "time" },
  "schedule/doNotRunUntil": { column: "do_not_run_until", type: "time" },
  "schedule/doNotRunAfter": { column: "do_not_run_after", type: "time" },
};

/**
 * Keeps an id to this transaction while jobs and job schedules of an account, which may not share ids, are looked
 * through for it.
 */
export async function reserveJobId(sql: Sql, account: Account, id: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`job:${account.pk}:${id.toLowerCase()}`}, 0))`;
}

/** Inserts a job schedule; undefined when the account has one of that id. */
export async function insertJobSchedule(sql: Sql, schedule: NewJobSchedule): Promise<{ etag: string } | undefined> {
  const { doNotRunUntil, doNotRunAfter } = schedule.spec.schedule ?? {};
  const [inserted] = await sql<{ etag: string }[]>`
    insert into job_schedule (
      account_pk, key, id, last_modified, creation_time, state, state_transition_time, do_not_run_until,
      do_not_run_after, first_occurrence, wake_time, spec
    ) values (
      ${schedule.accountPk}, ${schedule.id.toLowerCase()}, ${schedule.id}, ${schedule.lastModified},
      ${schedule.creationTime}, ${schedule.state}, ${schedule.stateTransitionTime}, ${doNotRunUntil ?? null},
      ${doNotRunAfter ?? null}, ${schedule.firstOccurrence}, ${schedule.wakeTime}, ${asJson(schedule.spec)}::text::jsonb
    ) on conflict (account_pk, key) do nothing
    returning etag`;
  return inserted;
}

export async function readJobSchedule(sql: Sql, account: Account, id: string): Promise<JobSchedule | undefined> {
  const [schedule] = await sql<JobSchedule[]>`
    select * from job_schedule where account_pk = ${account.pk} and key = ${id.toLowerCase()}`;
  return schedule;
}

export async function lockJobSchedule(sql: Sql, account: Account, id: string): Promise<JobSchedule | undefined> {
  const [schedule] = await sql<JobSchedule[]>`
    select * from job_schedule where account_pk = ${account.pk} and key = ${id.toLowerCase()} for no key update`;
  return schedule;
}

export async function lockJobScheduleByPk(sql: Sql, pk: number): Promise<JobSchedule | undefined> {
  const [schedule] = await sql<JobSchedule[]>`select * from job_schedule where pk = ${pk} for no key update`;
  return schedule;
}

/** Saves what may change after creation. A client's change gets a new ETag; the service's does not. */
export async function saveJobSchedule(
  sql: Sql,
  schedule: JobSchedule,
  by: "client" | "service",
): Promise<{ etag: string; lastModified: Date }> {
  const { doNotRunUntil, doNotRunAfter } = schedule.spec.schedule ?? {};
  const [saved] = await sql<{ etag: string }[]>`
    update job_schedule set
      last_modified = ${schedule.lastModified},
      etag = ${by === "client" ? sql`next_etag()` : sql`etag`},
      state = ${schedule.state},
      state_transition_time = ${schedule.stateTransitionTime},
      previous_state = ${schedule.previousState},
      previous_state_transition_time = ${schedule.previousStateTransitionTime},
      do_not_run_until = ${doNotRunUntil ?? null},
      do_not_run_after = ${doNotRunAfter ?? null},
      first_occurrence = ${schedule.firstOccurrence},
      last_occurrence = ${schedule.lastOccurrence},
      wake_time = ${schedule.wakeTime},
      job_count = ${schedule.jobCount},
      end_time = ${schedule.endTime},
      is_forced = ${schedule.isForced},
      spec = ${asJson(schedule.spec)}::text::jsonb
    where pk = ${schedule.pk}
    returning etag`;
  return { etag: saved?.etag ?? schedule.etag, lastModified: schedule.lastModified };
}

/** One page of job schedules in the order of their keys, beginning after `after`. */
export async function listJobSchedules(
  sql: Sql,
  account: Account,
  page: { filter?: Filter; after?: string; limit: number },
): Promise<Sized<JobSchedule>[]> {
  const rows = sql`
    select * from job_schedule
    where account_pk = ${account.pk} and key > ${page.after ?? ""}
      ${page.filter ? sql`and ${filterToSql(sql, page.filter, jobScheduleFilterColumns)}` : sql``}
    order by key limit ${page.limit}`;
  return sql<Sized<JobSchedule>[]>`${firstBytes(sql, rows, "key")}`;
}

/** Job schedules that may have something to do; an active one has nothing to do while a job of it runs. */
export async function readWakingJobSchedules(sql: Sql, now: Date): Promise<number[]> {
  const rows = await sql<{ pk: number }[]>`
    select s.pk from job_schedule s
    where s.wake_time <= ${now} and (
      s.state <> 'active'
      or not exists (select from job j where j.job_schedule_pk = s.pk and j.state <> 'completed')
    )
    order by s.wake_time limit 1000`;
  return rows.map(({ pk }) => pk);
}

export async function deleteJobSchedule(sql: Sql, pk: number): Promise<void> {
  await sql`delete from job_schedule where pk = ${pk}`;
}

/** How many jobs and job schedules count towards the quota: all that are not completed and not being deleted. */
export async function countOpenJobsAndSchedules(sql: Sql, account: Account): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select (select count(*) from job where account_pk = ${account.pk} and state not in ('completed', 'deleting'))
      + (select count(*) from job_schedule where account_pk = ${account.pk} and state not in ('completed', 'deleting'))
      as count`;
  return row?.count ?? 0;
}
