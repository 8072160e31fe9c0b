import { TaskExecutionResult } from "@kyanite/contract";
import type { Filter } from "../domain/filter.ts";
import type { Job } from "../domain/job/job.ts";
import { begunPreparation, type Preparation } from "../domain/job/preparation.ts";
import { asJson, type Sql } from "./database.ts";
import { type FilterColumns, filterToSql } from "./filter.ts";

const equality = ["eq", "ne"] as const;

const infoColumns = (property: string, column: string): FilterColumns => ({
  [`${property}/state`]: { column: `(${column} ->> 'state')`, type: "state", operators: equality },
  [`${property}/result`]: {
    column: `(${column} ->> 'result')`,
    type: "state",
    operators: equality,
    values: TaskExecutionResult.enum,
  },
  [`${property}/exitCode`]: { column: `(${column} ->> 'exitCode')::integer`, type: "integer" },
  [`${property}/startTime`]: { column: `(${column} ->> 'startTime')::timestamptz`, type: "time" },
  [`${property}/endTime`]: { column: `(${column} ->> 'endTime')::timestamptz`, type: "time" },
});

/** What `$filter` may say of preparations and releases. */
const preparationFilterColumns: FilterColumns = {
  poolId: { column: "lower(pool_id)", type: "id", operators: equality },
  nodeId: { column: "node_id", type: "id", operators: equality },
  ...infoColumns("jobPreparationTaskExecutionInfo", "preparation_info"),
  ...infoColumns("jobReleaseTaskExecutionInfo", "release_info"),
};

/** One page of what a job did to nodes, in the order of the nodes' ids, beginning after `after`. */
export async function listPreparations(
  sql: Sql,
  job: Job,
  page: { filter?: Filter; after?: string; limit: number },
): Promise<Preparation[]> {
  return sql<Preparation[]>`
    select * from preparation
    where job_pk = ${job.pk} and node_id > ${page.after ?? ""}
      ${page.filter ? sql`and ${filterToSql(sql, page.filter, preparationFilterColumns)}` : sql``}
    order by node_id limit ${page.limit}`;
}

/** A job and a node, which may or may not be prepared for it. */
export interface JobOnNode {
  readonly jobPk: number;
  readonly nodePk: number;
}

export async function readPreparations(
  sql: Sql,
  jobPks: readonly number[],
  nodePks: readonly number[],
): Promise<Preparation[]> {
  return sql<Preparation[]>`
    select * from preparation
    where job_pk = any(${[...jobPks]}::bigint[]) and node_pk = any(${[...nodePks]}::bigint[])`;
}

/** Begins to prepare nodes for jobs, for the first time or again. The caller holds the nodes. */
export async function beginPreparations(sql: Sql, places: readonly JobOnNode[], now: Date): Promise<void> {
  if (places.length === 0) return;
  const rows = places.map(({ jobPk, nodePk }) => ({ job_pk: jobPk, node_pk: nodePk }));
  await sql`
    insert into preparation (job_pk, node_pk, pool_id, node_id, state, run_id, preparation_info)
    select g.job_pk, n.pk, p.id, n.id, 'preparing', gen_random_uuid(), ${asJson(begunPreparation(now))}::text::jsonb
    from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as g (job_pk bigint, node_pk bigint)
    join node n on n.pk = g.node_pk
    join pool p on p.pk = n.pool_pk
    on conflict (job_pk, node_id) do update set
      state = 'preparing', run_id = excluded.run_id, preparation_info = excluded.preparation_info,
      node_pk = excluded.node_pk`;
}

/** Preparations of which these runs are; not locked. */
export async function readPreparationsOfRuns(sql: Sql, runIds: readonly string[]): Promise<Preparation[]> {
  return sql<Preparation[]>`select * from preparation where run_id = any(${[...runIds]}::uuid[]) order by pk`;
}

export async function lockPreparation(sql: Sql, pk: number): Promise<Preparation | undefined> {
  const [preparation] = await sql<Preparation[]>`select * from preparation where pk = ${pk} for no key update`;
  return preparation;
}

export async function lockPreparationsOnNodes(sql: Sql, nodePks: readonly number[]): Promise<Preparation[]> {
  return sql<Preparation[]>`
    select * from preparation where node_pk = any(${[...nodePks]}::bigint[]) and state <> 'released'
    order by pk for no key update`;
}

/** What a job that ends has left on nodes, and whether those nodes are still there. */
export async function lockPreparationsOfJob(
  sql: Sql,
  jobPk: number,
): Promise<(Preparation & { readonly nodeExists: boolean })[]> {
  return sql<(Preparation & { nodeExists: boolean })[]>`
    select c.*, exists (select from node n where n.pk = c.node_pk and n.state <> 'leavingpool') as node_exists
    from preparation c where c.job_pk = ${jobPk} and c.state <> 'released'
    order by c.pk for no key update`;
}

export async function savePreparations(sql: Sql, preparations: readonly Preparation[]): Promise<void> {
  if (preparations.length === 0) return;
  const rows = preparations.map((each) => ({
    pk: each.pk,
    state: each.state,
    run_id: each.runId,
    needs_release: each.needsRelease,
    preparation_info: each.preparationInfo,
    release_info: each.releaseInfo,
    release_deadline: each.releaseDeadline,
  }));
  await sql`
    update preparation set
      state = g.state,
      run_id = g.run_id,
      needs_release = g.needs_release,
      preparation_info = g.preparation_info,
      release_info = nullif(g.release_info, 'null'::jsonb),
      release_deadline = g.release_deadline
    from jsonb_populate_recordset(null::preparation, ${asJson(rows)}::text::jsonb) as g
    where preparation.pk = g.pk`;
}

/** The nodes that have been prepared for a job, whether or not they are still there. */
export async function readPreparedNodes(sql: Sql, jobPk: number): Promise<string[]> {
  const nodes = await sql<{ nodeId: string }[]>`select node_id from preparation where job_pk = ${jobPk}`;
  return nodes.map(({ nodeId }) => nodeId);
}

export async function deletePreparations(sql: Sql, jobPk: number): Promise<void> {
  await sql`delete from preparation where job_pk = ${jobPk}`;
}
