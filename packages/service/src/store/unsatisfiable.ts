import type { Job } from "../domain/job/job.ts";
import { mostCommunicatingNodes } from "../domain/pool/allocation.ts";
import type { Pool } from "../domain/pool/pool.ts";
import type { Task } from "../domain/task/task.ts";
import type { PoolShape } from "../scheduler/eligibility.ts";
import type { Sql } from "./database.ts";

/**
 * What finds tasks that their pool can never run; `unsatisfiable` of the scheduler says so of one. Each statement goes by
 * an index of the few tasks that need more than a slot or a node, so that a backlog of ordinary ones costs nothing.
 */

const isReady = (sql: Sql) => sql`t.state = 'active' and t.waiting_for = 0`;

/** Slots of the largest node that the pool `p` has, or gets. */
const largestNode = (sql: Sql) => sql`
  greatest(p.task_slots_per_node, (select coalesce(max(n.slots), 0) from node n where n.pool_pk = p.pk))`;

/** Whether a task `t` needs more slots than a node of the pool `p` has; and whether more instances than it has nodes. */
const tooMuch = (sql: Sql) => ({
  slots: sql`t.required_slots > 1 and t.required_slots > ${largestNode(sql)}`,
  instances: sql`t.instances is not null and (
    not p.enable_inter_node_communication or p.task_slots_per_node <> 1 or t.instances > ${mostCommunicatingNodes}
  )`,
});

/** Whether a job `j` with the pool `p` has a waiting task that the pool can never run. */
export function hasUnsatisfiable(sql: Sql) {
  const { slots, instances } = tooMuch(sql);
  return sql`(
    (select true from task t where t.job_pk + 0 = j.pk and ${isReady(sql)} and ${slots} limit 1)
    or (select true from task t where t.job_pk = j.pk and ${isReady(sql)} and ${instances} limit 1)
  )`;
}

/** The tasks of a job `j` with the pool `p` that the pool can never run. */
const unsatisfiableTasks = (sql: Sql, limit: number) => {
  const { slots, instances } = tooMuch(sql);
  return sql`(
    (select t.pk, t.id from task t where t.job_pk + 0 = j.pk and ${isReady(sql)} and ${slots} limit ${limit})
    union
    (select t.pk, t.id from task t where t.job_pk = j.pk and ${isReady(sql)} and ${instances} limit ${limit})
  )`;
};

const mostCounted = 1_000;

/** Tasks of a job that its pool can never run: a few by name, and how many there are up to a bound. */
export async function readUnsatisfiable(
  sql: Sql,
  job: Pick<Job, "pk">,
  pool: Pick<Pool, "pk">,
): Promise<{ readonly ids: readonly string[]; readonly total: number }> {
  const [row] = await sql<{ ids: string[]; total: number }[]>`
    select count(*)::int as total, coalesce((array_agg(t.id order by t.id))[1:5], '{}') as ids
    from job j join pool p on p.pk = ${pool.pk} cross join lateral ${unsatisfiableTasks(sql, mostCounted)} t
    where j.pk = ${job.pk}`;
  return row ?? { ids: [], total: 0 };
}

/** A task that may have to end because its pool can never run it, and what bounds that pool. */
export interface Unfit extends PoolShape {
  readonly taskPk: number;
}

/** Tasks that their pools can never run, of jobs that have such tasks fail. */
export async function readUnfitTasks(sql: Sql, limit: number): Promise<Unfit[]> {
  return sql<Unfit[]>`
    select t.pk as task_pk, p.enable_inter_node_communication, p.task_slots_per_node, ${largestNode(sql)} as largest_node
    from job j
    join pool p on p.account_pk = j.account_pk and p.key = j.pool_key and p.state = 'active'
    cross join lateral ${unsatisfiableTasks(sql, limit)} t
    where j.state = 'active' and j.spec ->> 'onUnsatisfiableTasks' = 'fail'
    limit ${limit}`;
}

/** Those of these tasks that still wait for their place, in the order in which everybody locks tasks. */
export async function lockReadyTasks(sql: Sql, pks: readonly number[]): Promise<Task[]> {
  return sql<Task[]>`
    select t.* from task t where t.pk = any(${[...pks]}::bigint[]) and ${isReady(sql)}
    order by t.pk for no key update`;
}
