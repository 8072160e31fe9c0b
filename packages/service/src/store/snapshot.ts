import { jobManagerRank } from "../domain/job-manager.ts";
import type { JobSnapshot, NodeSnapshot, PoolSnapshot, Snapshot, WaitingTask } from "../scheduler/snapshot.ts";
import type { Sql } from "./database.ts";

/** How much of the world one round of scheduling looks at; what is left over is there in the next round. */
export interface SnapshotBounds {
  readonly tasksPerPool: number;
  readonly jobsPerPool: number;
}

interface PoolRow {
  readonly poolPk: number;
  readonly fillType: "pack" | "spread";
  readonly freeSlots: number;
  readonly largestRoom: number;
}

/** Reads what the planner needs; its cost does not depend on how many tasks wait. */
export async function readSnapshot(sql: Sql, bounds: SnapshotBounds): Promise<Snapshot> {
  const pools = await sql<PoolRow[]>`
    select p.pk as pool_pk, coalesce(lower(p.spec -> 'taskSchedulingPolicy' ->> 'nodeFillType'), 'spread') as fill_type,
      sum(n.slots - n.used_slots)::int as free_slots, max(n.slots - n.used_slots)::int as largest_room
    from pool p join node n on n.pool_pk = p.pk
    where p.state = 'active' and n.state in ('idle', 'running') and n.scheduling_state = 'enabled'
      and n.pending_action is null and n.used_slots < n.slots
    group by p.pk`;
  const snapshots: PoolSnapshot[] = [];
  for (const { poolPk, fillType, freeSlots, largestRoom } of pools) {
    const limit = Math.min(freeSlots, bounds.tasksPerPool);
    // One more for each job, whose manager may not suit any of the nodes.
    const jobs = await readWaiting(sql, poolPk, { jobs: bounds.jobsPerPool, tasks: limit + 1, largestRoom });
    if (jobs.length > 0)
      snapshots.push({ poolPk, fillType, jobs, nodes: await readRoom(sql, poolPk, fillType, limit) });
  }
  return { pools: snapshots };
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
}

async function readWaiting(
  sql: Sql,
  poolPk: number,
  limits: { jobs: number; tasks: number; largestRoom: number },
): Promise<JobSnapshot[]> {
  const rows = await sql<WaitingRow[]>`
    select j.pk as job_pk, j.priority, j.headroom, j.closed_node_pks, t.pk as task_pk, t.required_slots, t.affinity_id,
      t.is_manager and coalesce((j.manager ->> 'runExclusive')::boolean, true) as is_exclusive,
      t.is_manager and not coalesce((j.manager ->> 'allowLowPriorityNode')::boolean, true) as needs_dedicated
    from pool p
    cross join lateral (
      select j.pk, j.priority, h.headroom, j.spec -> 'jobManagerTask' as manager,
        case when j.spec ? 'jobPreparationTask' then array(
          select c.node_pk from preparation c where c.job_pk = j.pk and c.state = 'failed'
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
        and exists (
          select from task t
          where t.job_pk = j.pk and t.state = 'active' and t.waiting_for = 0
            and t.required_slots <= ${limits.largestRoom}
        )
        and (not j.spec ? 'jobPreparationTask' or exists (
          select from node n
          where n.pool_pk = p.pk and n.state in ('idle', 'running') and n.scheduling_state = 'enabled'
            and n.used_slots < n.slots
            and not exists (
              select from preparation c where c.job_pk = j.pk and c.node_id = n.id and c.state = 'failed'
            )
        ))
      order by j.priority desc, j.pk
      limit ${limits.jobs}
    ) j
    cross join lateral (
      select t.pk, t.required_slots, t.queue_rank, t.spec -> 'affinityInfo' ->> 'affinityId' as affinity_id,
        t.queue_rank = ${jobManagerRank} as is_manager
      from task t
      where t.job_pk = j.pk and t.state = 'active' and t.waiting_for = 0 and t.required_slots <= ${limits.largestRoom}
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
      tasks: rows.map(waitingTask),
    },
  ];
}

function waitingTask({ taskPk, requiredSlots, affinityId, isExclusive, needsDedicated }: WaitingRow): WaitingTask {
  return {
    taskPk,
    requiredSlots,
    ...(affinityId === null ? {} : { affinityNodeId: nodeIdOfAffinity(affinityId) }),
    ...(isExclusive ? { isExclusive } : {}),
    ...(needsDedicated ? { needsDedicated } : {}),
  };
}

/** `TVM:<nodeId>` is what nodes and tasks show as their affinity id. */
function nodeIdOfAffinity(affinityId: string): string {
  return affinityId.replace(/^TVM:/i, "").toLowerCase();
}

async function readRoom(sql: Sql, poolPk: number, fillType: "pack" | "spread", limit: number): Promise<NodeSnapshot[]> {
  return sql<NodeSnapshot[]>`
    select pk as node_pk, id as node_id, slots, slots - used_slots as free_slots, is_dedicated
    from node
    where pool_pk = ${poolPk} and state in ('idle', 'running') and scheduling_state = 'enabled'
      and pending_action is null and used_slots < slots
    order by ${fillType === "pack" ? sql`slots - used_slots` : sql`used_slots - slots`}, pk
    limit ${limit}`;
}
