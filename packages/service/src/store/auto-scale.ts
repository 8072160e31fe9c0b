import type { AutoScaleRun } from "@kyanite/contract";
import type { AutoScale } from "../domain/pool/auto-scale.ts";
import type { Pool } from "../domain/pool/pool.ts";
import { asJson, type Sql } from "./database.ts";

/** How many evaluations of a pool are kept. */
const mostRuns = 100;

/** A pool's timetable; undefined when it never had one. Whoever changes it holds the pool. */
export async function readAutoScale(sql: Sql, pool: Pick<Pool, "pk">): Promise<AutoScale | undefined> {
  const [autoScale] = await sql<AutoScale[]>`select * from auto_scale where pool_pk = ${pool.pk}`;
  return autoScale;
}

export async function saveAutoScale(sql: Sql, pool: Pick<Pool, "pk">, autoScale: AutoScale): Promise<void> {
  const { enabledTime, dueTime, run } = autoScale;
  await sql`
    insert into auto_scale (pool_pk, enabled_time, due_time, run)
    values (${pool.pk}, ${enabledTime}, ${dueTime}, ${run ? asJson(run) : null}::text::jsonb)
    on conflict (pool_pk) do update set
      enabled_time = excluded.enabled_time, due_time = excluded.due_time, run = excluded.run`;
}

/** Pools whose formulas it is time to evaluate, the longest overdue first. */
export async function readDuePools(sql: Sql, now: Date, limit: number): Promise<number[]> {
  const rows = await sql<{ poolPk: number }[]>`
    select pool_pk from auto_scale where due_time <= ${now} order by due_time limit ${limit}`;
  return rows.map(({ poolPk }) => poolPk);
}

/** Adds an evaluation to those of a pool, and forgets the oldest beyond a hundred. */
export async function insertAutoScaleRun(sql: Sql, pool: Pick<Pool, "pk" | "spec">, run: AutoScaleRun): Promise<void> {
  const { pk, spec } = pool;
  await sql`
    insert into auto_scale_run (pool_pk, formula, run)
    values (${pk}, ${spec.autoScaleFormula ?? null}, ${asJson(run)}::text::jsonb)`;
  await sql`
    delete from auto_scale_run where pool_pk = ${pool.pk} and pk <= (
      select pk from auto_scale_run where pool_pk = ${pool.pk} order by pk desc offset ${mostRuns} limit 1)`;
}

/** One page of a pool's evaluations, latest first, beginning after (that is, before) `after`. */
export async function listAutoScaleRuns(
  sql: Sql,
  pool: Pick<Pool, "pk">,
  { after, limit }: { readonly after?: string; readonly limit: number },
): Promise<{ pk: number; run: AutoScaleRun }[]> {
  return sql<{ pk: number; run: AutoScaleRun }[]>`
    select pk, run from auto_scale_run
    where pool_pk = ${pool.pk} and (${after ?? null}::bigint is null or pk < ${after ?? null}::bigint)
    order by pk desc limit ${limit}`;
}
