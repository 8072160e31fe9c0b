import type { AutoPoolSpecification } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import { asJson, type Sql } from "./database.ts";

/** What a pool was made for. */
export type AutoPoolOwner = { readonly jobPk: number } | { readonly jobSchedulePk: number };

/** Notes that the service made a pool for a job or for the jobs of a schedule, and which one. */
export async function insertAutoPool(
  sql: Sql,
  account: Account,
  poolId: string,
  { owner, specification }: { readonly owner: AutoPoolOwner; readonly specification: AutoPoolSpecification },
): Promise<void> {
  const { jobPk, jobSchedulePk } = { jobPk: null, jobSchedulePk: null, ...owner };
  await sql`
    insert into auto_pool (pool_pk, job_pk, job_schedule_pk, keep_alive, specification)
    select pk, ${jobPk}, ${jobSchedulePk}, ${specification.keepAlive ?? false},
      ${asJson(specification.pool)}::text::jsonb
    from pool where account_pk = ${account.pk} and key = ${poolId.toLowerCase()}`;
}

/** The id of a schedule's own pool that is as specified and not being deleted. */
export async function findPoolOfSchedule(
  sql: Sql,
  jobSchedulePk: number,
  { pool }: AutoPoolSpecification,
): Promise<string | undefined> {
  const [found] = await sql<{ id: string }[]>`
    select p.id from auto_pool a join pool p on p.pk = a.pool_pk
    where a.job_schedule_pk = ${jobSchedulePk} and a.specification = ${asJson(pool)}::text::jsonb and p.state = 'active'
    order by p.pk desc limit 1`;
  return found?.id;
}

export async function saveKeepAlive(sql: Sql, owner: AutoPoolOwner, keepAlive: boolean): Promise<void> {
  const of = "jobPk" in owner ? sql`job_pk = ${owner.jobPk}` : sql`job_schedule_pk = ${owner.jobSchedulePk}`;
  await sql`update auto_pool set keep_alive = ${keepAlive} where ${of}`;
}

/**
 * Pools that are no longer needed: their job has completed, is gone or runs elsewhere; their schedule has completed, is
 * gone or asks for another pool and none of its jobs runs on this one.
 */
export async function readEndedAutoPools(sql: Sql): Promise<number[]> {
  const rows = await sql<{ poolPk: number }[]>`
    select a.pool_pk from auto_pool a join pool p on p.pk = a.pool_pk
    where p.state = 'active' and not a.keep_alive
      and not exists (
        select from job j where j.pk = a.job_pk and j.state <> 'completed' and j.pool_key = p.key
      )
      and not exists (
        select from job_schedule s
        where s.pk = a.job_schedule_pk and s.state <> 'completed'
          and (
            s.spec #> '{jobSpecification,poolInfo,autoPoolSpecification}' ->> 'poolLifetimeOption' = 'jobschedule'
              and s.spec #> '{jobSpecification,poolInfo,autoPoolSpecification,pool}' = a.specification
            or exists (
              select from job j where j.job_schedule_pk = s.pk and j.state <> 'completed' and j.pool_key = p.key
            )
          )
      )
    order by a.pool_pk limit 100`;
  return rows.map(({ poolPk }) => poolPk);
}
