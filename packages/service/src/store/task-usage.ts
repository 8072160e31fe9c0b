import type { RunTime } from "../domain/usage/run-time.ts";
import { asJson, type Sql } from "./database.ts";

/**
 * Adds to what accounts have used, for the day, job and kind of machine of each run. Nothing refers to the account, so
 * that recording runs waits for nobody who holds it.
 */
export async function addTaskUsage(sql: Sql, runs: readonly RunTime[]): Promise<void> {
  if (runs.length === 0) return;
  const rows = runs.map((run) => ({
    job_pk: run.jobPk,
    node_pk: run.nodePk,
    day: run.day,
    slot_seconds: run.slotSeconds,
    run_seconds: run.runSeconds,
    cpu_seconds: run.cpuSeconds,
    succeeded: run.succeeded,
    failed: run.failed,
  }));
  await sql`
    with run as (
      select job_pk, node_pk, day, sum(slot_seconds) as slot_seconds, sum(run_seconds) as run_seconds,
        sum(cpu_seconds) as cpu_seconds, sum(succeeded) as succeeded, sum(failed) as failed
      from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as given (
        job_pk bigint, node_pk bigint, day date, slot_seconds double precision, run_seconds double precision,
        cpu_seconds double precision, succeeded bigint, failed bigint
      )
      group by job_pk, node_pk, day
    ), job_of_run as (
      select pk, account_pk, key, id, pool_id, pool_key, spec -> 'metadata' as metadata from job
      where pk in (select job_pk from run)
    )
    insert into task_usage as u (
      account_pk, day, job_key, pool_id, vm_size, is_dedicated, shard, job_id, tags, core_seconds, run_seconds,
      cpu_seconds, succeeded, failed
    )
    select j.account_pk, r.day, j.key, coalesce(p.id, j.pool_id), coalesce(p.vm_size, ''), coalesce(n.is_dedicated, true),
      pg_backend_pid() % 16, min(j.id),
      coalesce(nullif((array_agg(j.metadata))[1], '[]'), (array_agg(p.spec -> 'metadata'))[1], '[]'),
      sum(r.slot_seconds * coalesce(p.cores::double precision / p.task_slots_per_node, 1)), sum(r.run_seconds),
      sum(r.cpu_seconds), sum(r.succeeded), sum(r.failed)
    from run r
    join job_of_run j on j.pk = r.job_pk
    left join node n on n.pk = r.node_pk
    left join pool p on p.pk = n.pool_pk
    group by 1, 2, 3, 4, 5, 6
    order by 1, 2, 3, 4, 5, 6
    on conflict (account_pk, day, job_key, pool_id, vm_size, is_dedicated, shard) do update set
      tags = excluded.tags,
      core_seconds = u.core_seconds + excluded.core_seconds,
      run_seconds = u.run_seconds + excluded.run_seconds,
      cpu_seconds = u.cpu_seconds + excluded.cpu_seconds,
      succeeded = u.succeeded + excluded.succeeded,
      failed = u.failed + excluded.failed`;
}

/** Forgets the days before one. */
export async function deleteTaskUsage(sql: Sql, before: Date): Promise<void> {
  await sql`delete from task_usage where day < (${before}::timestamptz at time zone 'utc')::date`;
}
