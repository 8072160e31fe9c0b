import { JobState } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import type { Filter } from "../domain/filter.ts";
import { type Job, openStates } from "../domain/job/job.ts";
import { asJson, type Sql } from "./database.ts";
import { type FilterColumns, filterToSql } from "./filter.ts";
import { firstBytes, type Sized } from "./page.ts";

export type NewJob = Omit<Job, "pk" | "etag">;

const equality = ["eq", "ne"] as const;

/** What `$filter` may say of jobs. */
const jobFilterColumns: FilterColumns = {
  id: { column: "key", type: "id" },
  state: { column: "state", type: "state", operators: equality, values: JobState.enum },
  stateTransitionTime: { column: "state_transition_time", type: "time" },
  creationTime: { column: "creation_time", type: "time" },
  lastModified: { column: "last_modified", type: "time" },
  "executionInfo/startTime": { column: "start_time", type: "time" },
  "executionInfo/endTime": { column: "end_time", type: "time" },
  "executionInfo/poolId": { column: "pool_key", type: "id" },
};

/** Inserts a job; undefined when the account has one of that id. */
export async function insertJob(sql: Sql, job: NewJob): Promise<{ pk: number; etag: string } | undefined> {
  const [inserted] = await sql<{ pk: number; etag: string }[]>`
    insert into job (
      account_pk, job_schedule_pk, key, id, last_modified, creation_time, state, state_transition_time, pool_key,
      pool_id, priority,
      max_parallel_tasks, uses_task_dependencies, on_all_tasks_complete, on_task_failure, wall_clock_end, start_time,
      completion_check_time, allow_task_preemption, spec
    ) values (
      ${job.accountPk}, ${job.jobSchedulePk}, ${job.id.toLowerCase()}, ${job.id}, ${job.lastModified}, ${job.creationTime}, ${job.state},
      ${job.stateTransitionTime}, ${job.poolKey}, ${job.poolId}, ${job.priority}, ${job.maxParallelTasks},
      ${job.usesTaskDependencies}, ${job.onAllTasksComplete}, ${job.onTaskFailure}, ${job.wallClockEnd},
      ${job.startTime}, ${job.completionCheckTime}, ${job.spec.allowTaskPreemption ?? false}, ${asJson(job.spec)}::text::jsonb
    ) on conflict (account_pk, key) do nothing
    returning pk, etag`;
  return inserted;
}

export async function readJob(sql: Sql, account: Account, id: string): Promise<Job | undefined> {
  const [job] = await sql<Job[]>`select * from job where account_pk = ${account.pk} and key = ${id.toLowerCase()}`;
  return job;
}

export async function readJobsByPk(sql: Sql, pks: readonly number[]): Promise<Job[]> {
  return sql<Job[]>`select * from job where pk = any(${[...pks]}::bigint[])`;
}

export async function lockJob(sql: Sql, account: Account, id: string): Promise<Job | undefined> {
  const [job] = await sql<Job[]>`
    select * from job where account_pk = ${account.pk} and key = ${id.toLowerCase()} for no key update`;
  return job;
}

export async function lockJobByPk(sql: Sql, pk: number): Promise<Job | undefined> {
  const [job] = await sql<Job[]>`select * from job where pk = ${pk} for no key update`;
  return job;
}

/**
 * The job to which tasks are added, kept from changing state until they are in. Where tasks may depend on each other
 * only one writer adds at a time: the end of a task and the insertion of another that waits for it must not miss
 * each other.
 */
export async function lockJobForTasks(sql: Sql, account: Account, id: string): Promise<Job | undefined> {
  const found = await readJob(sql, account, id);
  if (!found) return undefined;
  // The row is locked in one step: two writers with a shared lock could not both make theirs exclusive.
  const [job] = found.usesTaskDependencies
    ? await sql<Job[]>`select * from job where pk = ${found.pk} for no key update`
    : await sql<Job[]>`select * from job where pk = ${found.pk} for share`;
  return job;
}

/** Saves what may change after creation. A client's change gets a new ETag and `lastModified`; the service's does not. */
export async function saveJob(sql: Sql, job: Job, by: "client" | "service"): Promise<{ etag: string }> {
  const [saved] = await sql<{ etag: string }[]>`
    update job set
      last_modified = ${job.lastModified},
      etag = ${by === "client" ? sql`next_etag()` : sql`etag`},
      state = ${job.state},
      state_transition_time = ${job.stateTransitionTime},
      previous_state = ${job.previousState},
      previous_state_transition_time = ${job.previousStateTransitionTime},
      pool_key = ${job.poolKey},
      pool_id = ${job.poolId},
      priority = ${job.priority},
      allow_task_preemption = ${job.spec.allowTaskPreemption ?? false},
      max_parallel_tasks = ${job.maxParallelTasks},
      on_all_tasks_complete = ${job.onAllTasksComplete},
      disable_tasks = ${job.disableTasks},
      wall_clock_end = ${job.wallClockEnd},
      end_time = ${job.endTime},
      terminate_reason = ${job.terminateReason},
      scheduling_error = ${job.schedulingError ? asJson(job.schedulingError) : null}::text::jsonb,
      is_forced = ${job.isForced},
      completion_check_time = ${job.completionCheckTime},
      spec = ${asJson(job.spec)}::text::jsonb
    where pk = ${job.pk}
    returning etag`;
  return { etag: saved?.etag ?? job.etag };
}

interface JobPage {
  readonly filter?: Filter;
  readonly after?: string;
  readonly limit: number;
}

/** One page of jobs in the order of their keys, beginning after `after`. */
export async function listJobs(sql: Sql, account: Account, page: JobPage): Promise<Sized<Job>[]> {
  const rows = sql`
    select * from job
    where account_pk = ${account.pk} and key > ${page.after ?? ""}
      ${page.filter ? sql`and ${filterToSql(sql, page.filter, jobFilterColumns)}` : sql``}
    order by key limit ${page.limit}`;
  return sql<Sized<Job>[]>`${firstBytes(sql, rows, "key")}`;
}

/** The same of the jobs that a schedule has made. */
export async function listJobsOfSchedule(sql: Sql, jobSchedulePk: number, page: JobPage): Promise<Sized<Job>[]> {
  const { id: _, ...columns } = jobFilterColumns;
  const rows = sql`
    select * from job
    where job_schedule_pk = ${jobSchedulePk} and key > ${page.after ?? ""}
      ${page.filter ? sql`and ${filterToSql(sql, page.filter, columns)}` : sql``}
    order by key limit ${page.limit}`;
  return sql<Sized<Job>[]>`${firstBytes(sql, rows, "key")}`;
}

/** The job of a schedule that has not completed, without a lock. */
export async function readUnfinishedJob(sql: Sql, jobSchedulePk: number): Promise<Job | undefined> {
  const [job] = await sql<Job[]>`
    select * from job where job_schedule_pk = ${jobSchedulePk} and state <> 'completed' limit 1`;
  return job;
}

/** The job of a schedule that has not completed, if any: there is one at most. */
export async function lockUnfinishedJob(sql: Sql, jobSchedulePk: number): Promise<Job | undefined> {
  const [job] = await sql<Job[]>`
    select * from job where job_schedule_pk = ${jobSchedulePk} and state <> 'completed' for no key update`;
  return job;
}

export async function hasJobs(sql: Sql, jobSchedulePk: number): Promise<boolean> {
  const rows = await sql`select from job where job_schedule_pk = ${jobSchedulePk} limit 1`;
  return rows.length > 0;
}

/** Jobs of a schedule whose deletion has not been asked for, or not by force. */
export async function lockJobsToDelete(
  sql: Sql,
  jobSchedulePk: number,
  { force, limit }: { readonly force: boolean; readonly limit: number },
): Promise<Job[]> {
  return sql<Job[]>`
    select * from job
    where job_schedule_pk = ${jobSchedulePk} and (state <> 'deleting' or (${force} and not is_forced))
    order by pk limit ${limit} for no key update`;
}

/** Up to `limit` jobs on their way to another state, in the order of their pks, beginning after `afterPk`. */
export async function readMovingJobs(sql: Sql, afterPk: number, limit: number): Promise<Job[]> {
  return sql<Job[]>`
    select * from job
    where state in ('disabling', 'enabling', 'terminating', 'deleting') and pk > ${afterPk}
    order by pk limit ${limit}`;
}

/** Jobs whose wall clock has run out. */
export async function readExpiredJobs(sql: Sql, now: Date): Promise<Job[]> {
  return sql<Job[]>`
    select * from job where wall_clock_end <= ${now} and state = any(${[...openStates]}) limit 100`;
}

/** Jobs that end with their tasks, and of which it is time to look whether they are complete. */
export async function readJobsToCheck(sql: Sql, now: Date): Promise<number[]> {
  const rows = await sql<{ pk: number }[]>`
    select pk from job where completion_check_time <= ${now} order by completion_check_time limit 1000`;
  return rows.map(({ pk }) => pk);
}

export async function forgetCompletionChecks(sql: Sql, pks: readonly number[]): Promise<void> {
  await sql`update job set completion_check_time = null where pk = any(${[...pks]}::bigint[])`;
}

export async function deleteJob(sql: Sql, pk: number): Promise<void> {
  await sql`delete from task_count where job_pk = ${pk}`;
  await sql`delete from job where pk = ${pk}`;
}

/** A job of which tasks can be placed. */
export interface PlaceableJob {
  readonly pk: number;
  readonly preparesNodes: boolean;
  /** Whether tasks wait until their node is prepared. */
  readonly waitsForSuccess: boolean;
}

/** Those of these jobs that are active; they stay so until the transaction ends. */
export async function lockJobsForPlacement(sql: Sql, pks: readonly number[]): Promise<PlaceableJob[]> {
  return sql<PlaceableJob[]>`
    select pk, spec ? 'jobPreparationTask' as prepares_nodes,
      coalesce((spec -> 'jobPreparationTask' ->> 'waitForSuccess')::boolean, true) as waits_for_success
    from job where pk = any(${[...pks]}::bigint[]) and state = 'active' order by pk for share`;
}

/** Notes that these jobs have had their turn in a pool in which multi-instance tasks wait. */
export async function saveTurns(sql: Sql, pks: readonly number[], now: Date): Promise<void> {
  if (pks.length === 0) return;
  await sql`update job set turn_time = ${now} where pk = any(${[...pks]}::bigint[])`;
}

/** Which of these jobs end when their tasks are complete, and whose tasks are. */
export async function readJobsWithCompleteTasks(sql: Sql, pks: readonly number[]): Promise<number[]> {
  const rows = await sql<{ pk: number }[]>`
    select j.pk from job j
    where j.pk = any(${[...pks]}::bigint[]) and j.on_all_tasks_complete = 'terminatejob'
      and (select coalesce(sum(c.active + c.running), 0) from task_count c where c.job_pk = j.pk) = 0
    order by j.pk`;
  return rows.map(({ pk }) => pk);
}
