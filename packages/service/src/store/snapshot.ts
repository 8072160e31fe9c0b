import type { Served } from "../scheduler/served.ts";
import type { NodeSnapshot, PoolSnapshot, RunningTask, Snapshot } from "../scheduler/snapshot.ts";
import type { Sql } from "./database.ts";
import { isManager, mayTakeTasks } from "./standing.ts";
import { readWaiting } from "./waiting-tasks.ts";

/** How much one round of scheduling reads. The rest is read in later rounds. */
export interface SnapshotBounds {
  readonly tasksPerPool: number;
  /** A minimum. With more free slots, as many tasks as there are free slots are read, up to a bound. */
  readonly jobsPerPool: number;
  /**
   * Only these nodes, when given, and only of pools where looking at some of the nodes is enough: where nobody waits
   * for several nodes at once, and no task has to make room for another. With each is said how many times its slots it
   * may be given beyond those.
   */
  readonly nodes?: ReadonlyMap<number, number>;
}

interface PoolRow {
  readonly poolPk: number;
  readonly fillType: "pack" | "spread";
  readonly jobOrder: "none" | "creationtime";
  readonly freeSlots: number;
  /** Slots of the node with the most room. */
  readonly largestRoom: number;
  readonly largestNode: number;
  /** How many nodes can serve multi-instance tasks. */
  readonly gangNodes: number;
  /** Whether running tasks may have to make room. */
  readonly mayPreempt: boolean;
  /** The highest priority of the jobs whose managers wait to start again. */
  readonly restartPriority: number | null;
}

const mostJobs = 500;

/**
 * Reads what the planner needs; its cost does not depend on how many tasks wait.
 * @param served says which of many jobs of one priority are looked at: those that have had least
 */
export async function readSnapshot(sql: Sql, bounds: SnapshotBounds, served?: Served): Promise<Snapshot> {
  const snapshots: PoolSnapshot[] = [];
  for (const pool of await readPools(sql, bounds)) {
    const snapshot = await readPool(sql, pool, bounds, served);
    if (snapshot.jobs.length > 0) snapshots.push(snapshot);
  }
  return { pools: snapshots };
}

/** What the planner would see of one pool; undefined when it has no room, even at the cost of running tasks. */
export async function readPoolSnapshot(
  sql: Sql,
  poolPk: number,
  bounds: SnapshotBounds,
): Promise<PoolSnapshot | undefined> {
  const [pool] = await readPools(sql, { poolPk });
  return pool && readPool(sql, pool, bounds);
}

async function readPool(sql: Sql, pool: PoolRow, bounds: SnapshotBounds, served?: Served): Promise<PoolSnapshot> {
  const { poolPk, fillType, jobOrder, freeSlots, largestRoom, largestNode, gangNodes } = pool;
  const preemptible = pool.mayPreempt ? await readPreemptible(sql, pool, bounds.tasksPerPool) : [];
  const places = preemptible.flatMap((task) => task.places);
  const slots = places.reduce((total, place) => total + place.slots, freeSlots);
  const limit = Math.min(slots, bounds.tasksPerPool);
  const also = [...new Set(places.map(({ nodePk }) => nodePk))];
  const [jobs, nodes] = await Promise.all([
    readWaiting(sql, poolPk, {
      jobs: Math.max(bounds.jobsPerPool, Math.min(limit, mostJobs)),
      served: jobOrder === "none" ? served?.ofPool(poolPk) : undefined,
      // One more for each job, because none of the nodes may suit its manager.
      tasks: limit + 1,
      largestRoom: places.length > 0 ? largestNode : largestRoom,
      mayPreempt: places.length > 0,
      gangNodes,
    }),
    readRoom(sql, pool, { also, looked: bounds.nodes, limit: limit + also.length }),
  ]);
  return { poolPk, fillType, jobOrder, jobs, nodes, gangNodes, ...(places.length > 0 ? { preemptible } : {}) };
}

/** Of which pools, when not of all in which tasks wait. */
interface Looked {
  readonly nodes?: ReadonlyMap<number, number>;
  readonly poolPk?: number;
}

/** The pools that have room, or could have it at the cost of running tasks; of all pools, those in which tasks wait. */
async function readPools(sql: Sql, looked: Looked): Promise<PoolRow[]> {
  const { join, depth } = lookAt(sql, looked.nodes);
  const isMeant = isLookedAt(sql, looked);
  return sql<PoolRow[]>`
    with restarting as (
      select p.pk, max(j.priority) as priority
      from task t
      join job j on j.pk = t.job_pk and j.state = 'active'
      join pool p on p.account_pk = j.account_pk and p.key = j.pool_key
      where t.state = 'active' and ${isManager(sql)} and t.previous_state is not null
      group by p.pk
    ),
    preempting as (
      select distinct p.pk from job j join pool p on p.account_pk = j.account_pk and p.key = j.pool_key
      where j.allow_task_preemption and j.state = 'active' and exists (
        select from job h
        where h.account_pk = j.account_pk and h.pool_key = j.pool_key and h.state = 'active' and h.priority > j.priority
          and (select true from task w where w.job_pk + 0 = h.pk and w.state = 'active' and w.waiting_for = 0 limit 1)
      )
      union
      select pk from restarting
    )
    select p.pk as pool_pk, coalesce(lower(p.spec -> 'taskSchedulingPolicy' ->> 'nodeFillType'), 'spread') as fill_type,
      coalesce(lower(p.spec -> 'taskSchedulingPolicy' ->> 'jobDefaultOrder'), 'none') as job_order,
      room.*, p.pk in (select pk from preempting) as may_preempt,
      (select priority from restarting r where r.pk = p.pk) as restart_priority,
      case when p.enable_inter_node_communication and p.task_slots_per_node = 1 then (
        select count(*) from node n where n.pool_pk = p.pk and ${mayTakeTasks(sql)}
      ) else 0 end as gang_nodes
    from pool p
    cross join lateral (
      select sum(greatest(0, n.slots * (1 + ${depth}) - n.used_slots))::int as free_slots,
        max(least(n.slots, n.slots * (1 + ${depth}) - n.used_slots))::int as largest_room,
        max(n.slots) as largest_node
      from node n ${join}
      where n.pool_pk = p.pk and ${mayTakeTasks(sql)}
        and (n.used_slots < n.slots * (1 + ${depth}) or p.pk in (select pk from preempting))
    ) room
    where p.state = 'active' and room.free_slots is not null and ${isMeant}`;
}

/** Whether the pool `p` is among those that are looked at. */
function isLookedAt(sql: Sql, { nodes, poolPk }: Looked) {
  if (poolPk !== undefined) return sql`p.pk = ${poolPk}`;
  if (nodes)
    return sql`p.pk = any(array(select pool_pk from node where pk = any(${[...nodes.keys()]}::bigint[])))
        and not (p.enable_inter_node_communication and p.task_slots_per_node = 1)
        and p.pk not in (select pk from preempting)`;
  return sql`(
        select true from job j
        where j.account_pk = p.account_pk and j.pool_key = p.key and j.state = 'active'
          and (select true from task t where t.job_pk + 0 = j.pk and t.state = 'active' and t.waiting_for = 0 limit 1)
        limit 1
      )`;
}

/**
 * Running tasks that may have to make room: lowest priority first, and of those the ones that started last. Where one is
 * among the first, all of its node are read: whoever needs a whole node could not have it otherwise.
 */
async function readPreemptible(
  sql: Sql,
  { poolPk, restartPriority }: Pick<PoolRow, "poolPk" | "restartPriority">,
  limit: number,
): Promise<RunningTask[]> {
  return sql<RunningTask[]>`
    with preemptible as (
      select t.pk, t.node_pk, t.instances, coalesce(t.held_slots, t.required_slots) as slots, j.priority,
        not j.allow_task_preemption as is_protected, ${isManager(sql)} as is_manager,
        row_number() over (order by j.priority, t.start_time desc nulls first, t.pk desc) as place
      from pool p
      join job j on j.account_pk = p.account_pk and j.pool_key = p.key and j.state = 'active'
        and (j.allow_task_preemption or j.priority <= ${restartPriority}::integer)
      join task t on t.job_pk = j.pk and t.state in ('preparing', 'running')
      join node n on n.pk = t.node_pk and n.pool_pk = p.pk and ${mayTakeTasks(sql)}
      where p.pk = ${poolPk}
    )
    select t.pk as task_pk, t.priority, t.is_protected, t.is_manager, case
      when t.instances is null then jsonb_build_array(jsonb_build_object('nodePk', t.node_pk, 'slots', t.slots))
      else (
        select jsonb_agg(jsonb_build_object('nodePk', s.node_pk, 'slots', 1) order by s.id)
        from subtask s where s.task_pk = t.pk and s.node_pk is not null
      )
    end as places
    from preemptible t
    where t.node_pk in (select node_pk from preemptible where place <= ${limit})
    order by t.place`;
}

/** Keeps to the nodes that are looked at, when given, and says how deep each may be filled. */
const lookAt = (sql: Sql, looked: ReadonlyMap<number, number> | undefined) =>
  looked
    ? {
        join: sql`
          join unnest(${[...looked.keys()]}::bigint[], ${[...looked.values()]}::int[]) as looked (pk, depth)
            on looked.pk = n.pk and n.pk = any(${[...looked.keys()]}::bigint[])`,
        depth: sql`looked.depth`,
      }
    : { join: sql``, depth: sql`0` };

/** Nodes with room, and those of `also`; only those that are looked at, when given. */
async function readRoom(
  sql: Sql,
  { poolPk, fillType }: PoolRow,
  { also, looked, limit }: { also: readonly number[]; looked: ReadonlyMap<number, number> | undefined; limit: number },
): Promise<NodeSnapshot[]> {
  const { join, depth } = lookAt(sql, looked);
  return sql<NodeSnapshot[]>`
    select n.pk as node_pk, n.id as node_id, n.slots, n.slots - n.used_slots as free_slots, n.is_dedicated
    from node n ${join}
    where n.pool_pk = ${poolPk} and ${mayTakeTasks(sql)}
      and (n.used_slots < n.slots * (1 + ${depth}) or n.pk = any(${[...also]}::bigint[]))
    order by ${fillType === "pack" ? sql`n.slots - n.used_slots` : sql`n.used_slots - n.slots`}, n.pk
    limit ${limit}`;
}
