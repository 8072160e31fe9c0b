import type { RunStep } from "@kyanite/contract";
import type postgres from "postgres";
import type { PastFile, PastRun } from "../domain/run/past-run.ts";
import type { Task } from "../domain/task/task.ts";
import { asJson, type Sql } from "./database.ts";

/** What a row takes besides the contents, its indexes included: about. */
const rowBytes = 400;

export interface PastRunRow extends Omit<PastRun, "pk"> {
  readonly awaitsFiles: boolean;
  /** Of the small files, one after the other; base64. */
  readonly content: string;
}

/** Remembers runs that have ended, in one statement. */
export async function insertPastRuns(sql: Sql, runs: readonly PastRunRow[], now: Date): Promise<void> {
  const rows = runs.map((run) => ({
    account_pk: run.accountPk,
    task_pk: run.taskPk,
    run_id: run.runId,
    node_pk: run.nodePk,
    node_info: run.nodeInfo,
    start_time: run.startTime,
    end_time: run.endTime,
    outcome: run.outcome,
    exit_code: run.exitCode,
    failure_info: run.failureInfo,
    files: run.files,
    steps: someSteps(run),
    content: run.content || null,
    awaits_files: run.awaitsFiles,
  }));
  await sql`
    with inserted as (
      insert into past_run (
        account_pk, task_pk, run_id, recorded_time, node_pk, node_info, start_time, end_time, outcome, exit_code,
        failure_info, files, steps, content, awaits_files, bytes
      )
      select account_pk, task_pk, run_id, ${now}::timestamptz, node_pk, node_info, start_time, end_time, outcome,
        exit_code, failure_info, files, steps, decode(content, 'base64'), awaits_files,
        ${rowBytes} + coalesce(length(content), 0) * 3 / 4 + coalesce(pg_column_size(steps), 0)
      from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as given (
        account_pk bigint, task_pk bigint, run_id uuid, node_pk bigint, node_info jsonb, start_time timestamptz,
        end_time timestamptz, outcome text, exit_code integer, failure_info jsonb, files jsonb, steps jsonb,
        content text, awaits_files boolean
      )
      returning pk, run_id, node_pk, files
    )
    ${announced(sql)}`;
}

/** Rows for the files of the runs `inserted` that are too large for theirs. */
const announced = (sql: Sql) => sql`
  insert into kept_log (run_id, number, past_run_pk, node_pk)
  select run_id, file.number - 1, pk, node_pk
  from inserted, jsonb_array_elements(files) with ordinality as file (value, number)
  where not file.value ? 'storedBytes' and node_pk is not null
  on conflict (run_id, number) do nothing`;

/** Without any there is nothing to be stored. */
const someSteps = ({ steps }: Pick<PastRun, "steps">) => (steps.length > 0 ? steps : undefined);

interface AwaitedRow {
  readonly runId: string;
  readonly files: readonly PastFile[];
  readonly steps: readonly RunStep[];
  readonly content: string;
}

/** Adds what agents have told only now of runs that were taken from their nodes. */
export async function addAwaited(sql: Sql, runs: readonly AwaitedRow[]): Promise<void> {
  const rows = runs.map((run) => ({
    run_id: run.runId,
    files: run.files,
    steps: someSteps(run),
    content: run.content || null,
  }));
  await sql`
    with inserted as (
      update past_run r set files = given.files, steps = given.steps, content = decode(given.content, 'base64'),
        awaits_files = false,
        bytes = r.bytes + coalesce(length(given.content), 0) * 3 / 4 + coalesce(pg_column_size(given.steps), 0)
      from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as given (
        run_id uuid, files jsonb, steps jsonb, content text
      )
      where r.run_id = given.run_id and r.awaits_files
      returning r.pk, r.run_id, r.node_pk, r.files
    )
    ${announced(sql)}`;
}

/** The tasks whose runs were taken from their nodes, by these runs, as far as nobody has told yet how those ended. */
export async function readTasksThatAwait(
  sql: Sql,
  runIds: readonly string[],
): Promise<(Pick<Task, "spec"> & { readonly runId: string })[]> {
  return sql<(Pick<Task, "spec"> & { runId: string })[]>`
    select r.run_id, t.spec from past_run r join task t on t.pk = r.task_pk
    where r.run_id = any(${[...runIds]}::uuid[]) and r.awaits_files
    for update of r`;
}

const columns = (sql: Sql) => sql`
  pk, account_pk, task_pk, run_id, node_pk, node_info, start_time, end_time, outcome, exit_code, failure_info, files,
  coalesce(steps, '[]') as steps`;

/** What is remembered of a task's runs, the latest first. */
export async function readPastRuns(sql: Sql, task: Pick<Task, "pk">, most: number): Promise<PastRun[]> {
  return sql<PastRun[]>`
    select ${columns(sql)} from past_run where task_pk = ${task.pk} order by pk desc limit ${most}`;
}

/** A part of the content in a run's row. */
export async function readContent(
  sql: Sql,
  { pk }: Pick<PastRun, "pk">,
  { position, bytes }: { readonly position: number; readonly bytes: number },
): Promise<Buffer | undefined> {
  const [row] = await sql<{ content: Buffer | null }[]>`
    select substring(content from ${position + 1}::integer for ${bytes}::integer) as content from past_run where pk = ${pk}`;
  return row?.content ?? undefined;
}

/**
 * Deletes the runs that `which` selects by their pks, with what is kept of them; blobs are due to go.
 * @returns how many
 */
async function forget(sql: Sql, which: postgres.PendingQuery<postgres.Row[]>, now: Date): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    with run as (delete from past_run where pk = any(array(${which})) returning pk),
    log as (
      delete from kept_log where past_run_pk in (select pk from run) returning storage_account, container, blob, etag
    ),
    removal as (
      insert into blob_removal (storage_account, container, blob, etag, due_time)
      select storage_account, container, blob, etag, ${now}::timestamptz from log where blob is not null
    )
    select count(*)::integer as count from run`;
  return row?.count ?? 0;
}

/** Forgets all runs of tasks that are deleted. */
export const forgetRunsOfTasks = (sql: Sql, taskPks: readonly number[], now: Date) =>
  forget(sql, sql`select pk from past_run where task_pk = any(${[...taskPks]}::bigint[])`, now);

/** Forgets the runs of these tasks but for the latest of each. */
export const forgetEarlierRuns = (sql: Sql, taskPks: readonly number[], most: number, now: Date) =>
  forget(
    sql,
    sql`
      select old.pk from unnest(${[...taskPks]}::bigint[]) as one (task_pk)
      cross join lateral (
        select pk from past_run r where r.task_pk = one.task_pk order by pk desc offset ${most} limit 100
      ) old`,
    now,
  );

interface Slice {
  /** How many of the oldest runs are looked at. */
  readonly slice: number;
  readonly now: Date;
}

/** Forgets runs that were recorded before a time; answers how many. */
export const forgetRunsBefore = (sql: Sql, before: Date, { slice, now }: Slice) =>
  forget(
    sql,
    sql`
      select pk from (select pk, recorded_time from past_run order by pk limit ${slice}) oldest
      where recorded_time < ${before}`,
    now,
  );

/** Forgets the oldest runs of an account until that has freed so many bytes; answers how many. */
export const forgetOldestRuns = (
  sql: Sql,
  { accountPk, bytes }: { readonly accountPk: number; readonly bytes: number },
  { slice, now }: Slice,
) =>
  forget(
    sql,
    sql`
      select pk from (
        select pk, sum(bytes) over (order by pk) - bytes as freed
        from (select pk, bytes from past_run where account_pk = ${accountPk} order by pk limit ${slice}) oldest
      ) added where freed < ${bytes}::bigint`,
    now,
  );

/** How much each account has, the largest first. */
export async function readPastRunSizes(sql: Sql): Promise<{ readonly accountPk: number; readonly bytes: number }[]> {
  return sql<{ accountPk: number; bytes: number }[]>`
    select account_pk, sum(bytes)::bigint as bytes from past_run_size
    group by account_pk having sum(bytes) > 0 order by bytes desc`;
}
