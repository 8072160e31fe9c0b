import type { OvertakenNode, OvertakenPool } from "../scheduler/overtaking.ts";
import type { Served } from "../scheduler/served.ts";
import type { Sql } from "./database.ts";
import type { SnapshotBounds } from "./snapshot.ts";
import { mayTakeTasks } from "./standing.ts";
import { readWaiting } from "./waiting-tasks.ts";

interface OvertakenPoolRow extends Pick<OvertakenPool, "poolPk" | "fillType" | "jobOrder"> {
  /** The highest of the jobs that have tasks waiting. */
  readonly priority: number;
  /** Of its nodes that have others ahead. */
  readonly slots: number;
  readonly largestNode: number;
}

/**
 * The pools in which tasks wait while nodes have others of lower priority ahead of time: with the waiting ones of the
 * highest priority.
 */
export async function readOvertaken(sql: Sql, bounds: SnapshotBounds, served: Served): Promise<OvertakenPool[]> {
  const pools: OvertakenPool[] = [];
  for (const { priority, slots, largestNode, ...pool } of await readPools(sql)) {
    const [nodes, jobs] = await Promise.all([
      readNodes(sql, pool.poolPk, priority),
      readWaiting(sql, pool.poolPk, {
        jobs: bounds.jobsPerPool,
        tasks: Math.min(2 * slots, bounds.tasksPerPool),
        largestRoom: largestNode,
        mayPreempt: true,
        gangNodes: 0,
        served: pool.jobOrder === "none" ? served.ofPool(pool.poolPk) : undefined,
        priority,
      }),
    ]);
    if (jobs.length > 0) pools.push({ ...pool, nodes, jobs });
  }
  return pools;
}

const hasTasksAhead = (sql: Sql) => sql`${mayTakeTasks(sql)} and n.used_slots > n.slots`;

async function readPools(sql: Sql): Promise<OvertakenPoolRow[]> {
  return sql<OvertakenPoolRow[]>`
    select p.pk as pool_pk, urgent.priority, full_pool.slots, full_pool.largest_node,
      coalesce(lower(p.spec -> 'taskSchedulingPolicy' ->> 'nodeFillType'), 'spread') as fill_type,
      coalesce(lower(p.spec -> 'taskSchedulingPolicy' ->> 'jobDefaultOrder'), 'none') as job_order
    from (
      select n.pool_pk, sum(n.slots)::int as slots, max(n.slots) as largest_node
      from node n where ${hasTasksAhead(sql)} group by n.pool_pk
    ) full_pool
    join pool p on p.pk = full_pool.pool_pk and p.state = 'active'
    cross join lateral (
      select max(j.priority) as priority from job j
      where j.account_pk = p.account_pk and j.pool_key = p.key and j.state = 'active'
        and (select true from task t where t.job_pk + 0 = j.pk and t.state = 'active' and t.waiting_for = 0 limit 1)
    ) urgent
    where exists (
      select from job j join task_count c on c.job_pk = j.pk
      where j.account_pk = p.account_pk and j.pool_key = p.key and j.priority < urgent.priority
      group by j.pk having sum(c.running) > 0
    )`;
}

async function readNodes(sql: Sql, poolPk: number, priority: number): Promise<OvertakenNode[]> {
  return sql<OvertakenNode[]>`
    select n.pk as node_pk, n.id as node_id, n.slots, n.slots - n.used_slots as free_slots, n.is_dedicated, held.*
    from node n
    cross join lateral (
      select
        coalesce(sum(coalesce(t.held_slots, t.required_slots)) filter (where j.priority < ${priority}), 0)::int
          as lower_slots,
        coalesce(sum(coalesce(t.held_slots, t.required_slots)) filter (where j.priority >= ${priority}), 0)::int
          as other_slots
      from task t join job j on j.pk = t.job_pk
      where t.node_pk = n.pk and t.state in ('preparing', 'running')
    ) held
    where n.pool_pk = ${poolPk} and ${hasTasksAhead(sql)}
    order by n.pk`;
}
