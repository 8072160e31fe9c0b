import { jobManagerRank } from "../domain/job-manager.ts";
import type {
  JobSnapshot,
  NodeSnapshot,
  PoolSnapshot,
  RunningTask,
  Snapshot,
  WaitingTask,
} from "../scheduler/snapshot.ts";
import type { Sql } from "./database.ts";

/** How much of the world one round of scheduling looks at; what is left over is there in the next round. */
export interface SnapshotBounds {
  readonly tasksPerPool: number;
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

/** Reads what the planner needs; its cost does not depend on how many tasks wait. */
export async function readSnapshot(sql: Sql, bounds: SnapshotBounds): Promise<Snapshot> {
  const snapshots: PoolSnapshot[] = [];
  for (const pool of await readPools(sql, bounds.nodes)) {
    const { poolPk, fillType, jobOrder, freeSlots, largestRoom, largestNode, gangNodes } = pool;
    const preemptible = pool.mayPreempt ? await readPreemptible(sql, pool, bounds.tasksPerPool) : [];
    const places = preemptible.flatMap((task) => task.places);
    const slots = places.reduce((total, place) => total + place.slots, freeSlots);
    const limit = Math.min(slots, bounds.tasksPerPool);
    const also = [...new Set(places.map(({ nodePk }) => nodePk))];
    const [jobs, nodes] = await Promise.all([
      readWaiting(sql, poolPk, {
        jobs: bounds.jobsPerPool,
        // One more for each job, whose manager may not suit any of the nodes.
        tasks: limit + 1,
        largestRoom: places.length > 0 ? largestNode : largestRoom,
        mayPreempt: places.length > 0,
        gangNodes,
      }),
      readRoom(sql, pool, { also, looked: bounds.nodes, limit: limit + also.length }),
    ]);
    if (jobs.length === 0) continue;
    snapshots.push({
      poolPk,
      fillType,
      jobOrder,
      jobs,
      nodes,
      gangNodes,
      ...(places.length > 0 ? { preemptible } : {}),
    });
  }
  return { pools: snapshots };
}

/** The pools that have room, or could have it at the cost of running tasks; of all pools, those in which tasks wait. */
async function readPools(sql: Sql, looked: ReadonlyMap<number, number> | undefined): Promise<PoolRow[]> {
  const { join, depth } = lookAt(sql, looked);
  const isMeant = looked
    ? sql`p.pk = any(array(select pool_pk from node where pk = any(${[...looked.keys()]}::bigint[])))
        and not (p.enable_inter_node_communication and p.task_slots_per_node = 1)
        and p.pk not in (select pk from preempting)`
    : sql`(
        select true from job j
        where j.account_pk = p.account_pk and j.pool_key = p.key and j.state = 'active'
          and (select true from task t where t.job_pk + 0 = j.pk and t.state = 'active' and t.waiting_for = 0 limit 1)
        limit 1
      )`;
  return sql<PoolRow[]>`
    with restarting as (
      select p.pk, max(j.priority) as priority
      from task m
      join job j on j.pk = m.job_pk and j.state = 'active'
      join pool p on p.account_pk = j.account_pk and p.key = j.pool_key
      where m.state = 'active' and m.queue_rank < 0 and m.previous_state is not null
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
        select count(*) from node m
        where m.pool_pk = p.pk and m.state in ('idle', 'running') and m.scheduling_state = 'enabled'
          and m.pending_action is null
      ) else 0 end as gang_nodes
    from pool p
    cross join lateral (
      select sum(greatest(0, n.slots * (1 + ${depth}) - n.used_slots))::int as free_slots,
        max(least(n.slots, n.slots * (1 + ${depth}) - n.used_slots))::int as largest_room,
        max(n.slots) as largest_node
      from node n ${join}
      where n.pool_pk = p.pk and n.state in ('idle', 'running') and n.scheduling_state = 'enabled'
        and n.pending_action is null and (n.used_slots < n.slots * (1 + ${depth}) or p.pk in (select pk from preempting))
    ) room
    where p.state = 'active' and room.free_slots is not null and ${isMeant}`;
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
        not j.allow_task_preemption as is_protected, t.queue_rank < 0 as is_manager,
        row_number() over (order by j.priority, t.start_time desc nulls first, t.pk desc) as place
      from pool p
      join job j on j.account_pk = p.account_pk and j.pool_key = p.key and j.state = 'active'
        and (j.allow_task_preemption or j.priority <= ${restartPriority}::integer)
      join task t on t.job_pk = j.pk and t.state in ('preparing', 'running')
      join node n on n.pk = t.node_pk and n.pool_pk = p.pk and n.state = 'running' and n.scheduling_state = 'enabled'
        and n.pending_action is null
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

interface WaitingRow {
  readonly jobPk: number;
  readonly priority: number;
  readonly headroom: number | null;
  readonly taskPk: number;
  readonly requiredSlots: number;
  readonly affinityId: string | null;
  readonly closedNodePks: readonly number[] | null;
  readonly isExclusive: boolean;
  readonly needsDedicated: boolean;
  readonly isRestart: boolean;
  readonly instances: number | null;
  readonly turnTime: Date | null;
}

async function readWaiting(
  sql: Sql,
  poolPk: number,
  limits: { jobs: number; tasks: number; largestRoom: number; mayPreempt: boolean; gangNodes: number },
): Promise<JobSnapshot[]> {
  const rows = await sql<WaitingRow[]>`
    select j.pk as job_pk, j.priority, j.headroom, j.closed_node_pks, j.turn_time, t.pk as task_pk, t.required_slots,
      t.affinity_id, t.instances,
      t.is_manager and t.previous_state is not null as is_restart,
      t.is_manager and coalesce((j.manager ->> 'runExclusive')::boolean, true) as is_exclusive,
      t.is_manager and not coalesce((j.manager ->> 'allowLowPriorityNode')::boolean, true) as needs_dedicated
    from pool p
    cross join lateral (
      select j.pk, j.priority, j.turn_time, h.headroom, j.spec -> 'jobManagerTask' as manager,
        case when j.spec ? 'jobPreparationTask' then array(
          select n.pk from preparation c join node n on n.id = c.node_id
          where c.job_pk = j.pk and c.state = 'failed' and n.pool_pk = p.pk and n.state in ('idle', 'running')
            and n.scheduling_state = 'enabled' and n.pending_action is null
        ) end as closed_node_pks
      from job j
      cross join lateral (
        select case when j.max_parallel_tasks > 0 then greatest(0, j.max_parallel_tasks - (
          select coalesce(sum(c.running), 0) from task_count c where c.job_pk = j.pk
        ))::int end as headroom
      ) h
      -- Jobs that can have no task placed now must not keep others out of the first few.
      where j.account_pk = p.account_pk and j.pool_key = p.key and j.state = 'active'
        and h.headroom is distinct from 0
        -- Not exists: that may become a join, which reads all that waits.
        and (
          select true from task t
          where t.job_pk + 0 = j.pk and t.state = 'active' and t.waiting_for = 0
            and t.required_slots <= ${limits.largestRoom}
            and (t.instances is null or t.instances <= ${limits.gangNodes})
          limit 1
        )
        and (not j.spec ? 'jobPreparationTask' or exists (
          select from node n
          where n.pool_pk = p.pk and n.state in ('idle', 'running') and n.scheduling_state = 'enabled'
            and (n.used_slots < n.slots or ${limits.mayPreempt})
            and not exists (
              select from preparation c where c.job_pk = j.pk and c.node_id = n.id and c.state = 'failed'
            )
        ))
      order by j.priority desc, j.pk
      limit ${limits.jobs}
    ) j
    cross join lateral (
      select t.pk, t.required_slots, t.instances, t.queue_rank, t.previous_state, t.spec -> 'affinityInfo' ->> 'affinityId' as affinity_id,
        t.queue_rank = ${jobManagerRank} as is_manager
      from task t
      where t.job_pk + 0 = j.pk and t.state = 'active' and t.waiting_for = 0 and t.required_slots <= ${limits.largestRoom}
        and (t.instances is null or t.instances <= ${limits.gangNodes})
      order by t.queue_rank, t.pk
      limit ${limits.tasks}
    ) t
    where p.pk = ${poolPk}
    order by j.priority desc, j.pk, t.queue_rank, t.pk`;
  const jobs = new Map<number, WaitingRow[]>();
  for (const row of rows) {
    const known = jobs.get(row.jobPk);
    if (known) known.push(row);
    else jobs.set(row.jobPk, [row]);
  }
  return [...jobs.values()].flatMap(jobSnapshot);
}

function jobSnapshot(rows: readonly WaitingRow[]): JobSnapshot[] {
  const [first] = rows;
  if (!first) return [];
  return [
    {
      jobPk: first.jobPk,
      priority: first.priority,
      ...(first.headroom === null ? {} : { headroom: first.headroom }),
      ...(first.closedNodePks?.length ? { closedNodePks: first.closedNodePks } : {}),
      ...(first.turnTime === null ? {} : { turnTime: first.turnTime.getTime() }),
      tasks: rows.map(waitingTask),
    },
  ];
}

function waitingTask(row: WaitingRow): WaitingTask {
  const { taskPk, requiredSlots, affinityId, isExclusive, needsDedicated, isRestart, instances } = row;
  return {
    taskPk,
    requiredSlots,
    ...(instances === null ? {} : { instances }),
    ...(affinityId === null ? {} : { affinityNodeId: nodeIdOfAffinity(affinityId) }),
    ...(isExclusive ? { isExclusive } : {}),
    ...(needsDedicated ? { needsDedicated } : {}),
    ...(isRestart ? { isRestart } : {}),
  };
}

/** `TVM:<nodeId>` is what nodes and tasks show as their affinity id. */
function nodeIdOfAffinity(affinityId: string): string {
  return affinityId.replace(/^TVM:/i, "").toLowerCase();
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
    where n.pool_pk = ${poolPk} and n.state in ('idle', 'running') and n.scheduling_state = 'enabled'
      and n.pending_action is null
      and (n.used_slots < n.slots * (1 + ${depth}) or n.pk = any(${[...also]}::bigint[]))
    order by ${fillType === "pack" ? sql`n.slots - n.used_slots` : sql`n.used_slots - n.slots`}, n.pk
    limit ${limit}`;
}
