import type { Account } from "../domain/account/account.ts";
import type { Sql } from "./database.ts";

/** What an account still has of which the deletion has not begun, as far as one round goes, and whether it has anything. */
export interface AccountContents {
  readonly jobSchedules: readonly string[];
  readonly jobs: readonly string[];
  readonly pools: readonly string[];
  readonly isEmpty: boolean;
}

const most = 200;

export async function readAccountContents(sql: Sql, { pk }: Account): Promise<AccountContents> {
  const [contents] = await sql<AccountContents[]>`
    select
      array(select id from job_schedule where account_pk = ${pk} and state <> 'deleting' limit ${most}) as job_schedules,
      array(select id from job where account_pk = ${pk} and state <> 'deleting' limit ${most}) as jobs,
      array(select id from pool where account_pk = ${pk} and state <> 'deleting' limit ${most}) as pools,
      not exists (select from job_schedule where account_pk = ${pk})
        and not exists (select from job where account_pk = ${pk})
        and not exists (select from pool where account_pk = ${pk}) as is_empty`;
  return contents ?? { jobSchedules: [], jobs: [], pools: [], isEmpty: true };
}

/** Deletes an account that has no jobs, schedules and pools any more; its blobs are due to go at a time. */
export async function deleteAccount(sql: Sql, { pk }: Account, dueTime: Date): Promise<void> {
  await sql`
    with package as (
      delete from application_package p using application a
      where a.pk = p.application_pk and a.account_pk = ${pk} returning a.id, p.*
    )
    insert into blob_removal (storage_account, container, blob, due_time)
    select storage_account, container, id || '/' || version || '-' || content || '.zip',
      greatest(${dueTime}::timestamptz, upload_expiry)
    from package, unnest(array[upload_id, content_id]) as content where content is not null`;
  for (const table of [
    "application",
    "certificate",
    "node_life",
    "account_usage",
    "pool_load",
    "task_usage",
    "price_list",
    "past_run_size",
    "account_sample",
    "webhook",
  ])
    await sql`delete from ${sql(table)} where account_pk = ${pk}`;
  await sql`delete from service_principal where account_name = (select name from account where pk = ${pk})`;
  await sql`delete from account where pk = ${pk}`;
}
