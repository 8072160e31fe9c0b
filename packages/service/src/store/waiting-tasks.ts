import type { Waiter } from "../scheduler/explain/refusal.ts";
import type { JobSnapshot, WaitingTask } from "../scheduler/snapshot.ts";
import { asArray, type Sql } from "./database.ts";
import { isManager, mayTakeTasks } from "./standing.ts";

/** How much of what waits in a pool is read. */
export interface WaitingLimits {
  readonly jobs: number;
  /** Of all jobs of one priority; each gives its share, and as much again for those that have less. */
  readonly tasks: number;
  /** Slots of the node with the most room. */
  readonly largestRoom: number;
  readonly mayPreempt: boolean;
  readonly gangNodes: number;
  /** Slot-seconds that jobs have had, by their primary keys: of equal priority those with less come first. */
  readonly served?: ReadonlyMap<number, number> | undefined;
  /** Only jobs of this priority, when given. */
  readonly priority?: number;
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
  readonly heldSlots: number;
  /** How many of its tasks may have been read. */
  readonly mostTasks: number;
}

/** The jobs of a pool that could have tasks placed now, oldest first, each with the first of its tasks. */
export async function readWaiting(sql: Sql, poolPk: number, limits: WaitingLimits): Promise<JobSnapshot[]> {
  const { served = new Map<number, number>(), priority = null } = limits;
  const isSmallEnough = sql`
    t.state = 'active' and t.waiting_for = 0 and t.required_slots <= ${limits.largestRoom}
    and (t.instances is null or t.instances <= ${limits.gangNodes})`;
  const rows = await sql<WaitingRow[]>`
    with open_job as (
      select j.*, had.seconds
      from pool p
      join job j on j.account_pk = p.account_pk and j.pool_key = p.key and j.state = 'active'
        and j.priority = coalesce(${priority}::integer, j.priority)
      left join unnest(
        ${asArray([...served.keys()])}::text::bigint[], ${asArray([...served.values()])}::text::float8[]
      ) as had (job_pk, seconds) on had.job_pk = j.pk
      where p.pk = ${poolPk}
      order by j.priority desc, had.seconds nulls first, j.pk
    ),
    first_job as (
      select j.pk, j.priority, j.turn_time, h.headroom, j.spec
      from open_job j
      cross join lateral (
        select ${headroomOf(sql)} as headroom
      ) h
      -- Jobs that can have no task placed now must not keep others out of the first few.
      where h.headroom is distinct from 0
        -- Not exists: that may become a join, which reads all that waits.
        and (select true from task t where t.job_pk + 0 = j.pk and ${isSmallEnough} limit 1)
        and (not j.spec ? 'jobPreparationTask' or exists (
          select from node n
          where n.pool_pk = ${poolPk} and ${mayTakeTasks(sql)}
            and (n.used_slots < n.slots or ${limits.mayPreempt})
            and not exists (
              select from preparation c where c.job_pk = j.pk and c.node_id = n.id and c.state = 'failed'
            )
        ))
      order by j.priority desc, j.seconds nulls first, j.pk
      limit ${limits.jobs}
    ),
    shown_job as (
      select j.pk, j.priority, j.turn_time, j.headroom, j.spec -> 'jobManagerTask' as manager,
        (select coalesce(sum(c.running_slots), 0)::int from task_count c where c.job_pk = j.pk) as held_slots,
        ${closedNodesOf(sql, poolPk)} as closed_node_pks,
        least(
          ${limits.tasks}::int, ceil(2.0 * ${limits.tasks}::int / count(*) over (partition by j.priority))
        )::int as most_tasks
      from first_job j
    )
    select j.pk as job_pk, j.priority, j.headroom, j.closed_node_pks, j.turn_time, j.held_slots, j.most_tasks,
      t.pk as task_pk, t.required_slots, t.affinity_id, t.instances,
      ${managerTraits(sql)}
    from shown_job j
    cross join lateral (
      select t.pk, t.required_slots, t.instances, t.queue_rank, t.previous_state,
        t.spec -> 'affinityInfo' ->> 'affinityId' as affinity_id, ${isManager(sql)} as is_manager
      from task t
      where t.job_pk + 0 = j.pk and ${isSmallEnough}
      order by t.queue_rank, t.pk
      limit j.most_tasks
    ) t
    order by j.priority desc, j.pk, t.queue_rank, t.pk`;
  const jobs = new Map<number, WaitingRow[]>();
  for (const row of rows) {
    const known = jobs.get(row.jobPk);
    if (known) known.push(row);
    else jobs.set(row.jobPk, [row]);
  }
  return [...jobs.values()].flatMap(jobSnapshot);
}

/** How many more tasks of the job `j` may run; null without limit. */
const headroomOf = (sql: Sql) => sql`
  case when j.max_parallel_tasks > 0 then greatest(0, j.max_parallel_tasks - (
    select coalesce(sum(c.running), 0) from task_count c where c.job_pk = j.pk
  ))::int end`;

/** The nodes on which the preparation of the job `j` has failed; null when it has none. */
const closedNodesOf = (sql: Sql, poolPk: number) => sql`
  case when j.spec ? 'jobPreparationTask' then array(
    select n.pk from preparation c join node n on n.id = c.node_id
    where c.job_pk = j.pk and c.state = 'failed' and n.pool_pk = ${poolPk} and ${mayTakeTasks(sql)}
  ) end`;

/** What is special about the task `t`, if it is the manager that `j.manager` describes. */
const managerTraits = (sql: Sql) => sql`
  t.is_manager and t.previous_state is not null as is_restart,
  t.is_manager and coalesce((j.manager ->> 'runExclusive')::boolean, true) as is_exclusive,
  t.is_manager and not coalesce((j.manager ->> 'allowLowPriorityNode')::boolean, true) as needs_dedicated`;

/** One task as the planner sees it, whether or not it is among the first that wait. */
export async function readWaiter(sql: Sql, poolPk: number, taskPk: number): Promise<Waiter | undefined> {
  const rows = await sql<WaitingRow[]>`
    select j.pk as job_pk, j.priority, j.headroom, j.closed_node_pks, j.turn_time, 0 as held_slots, 0 as most_tasks,
      t.pk as task_pk, t.required_slots, t.affinity_id, t.instances, ${managerTraits(sql)}
    from (
      select t.*, t.spec -> 'affinityInfo' ->> 'affinityId' as affinity_id, ${isManager(sql)} as is_manager
      from task t where t.pk = ${taskPk}
    ) t
    join lateral (
      select j.pk, j.priority, j.turn_time, j.spec -> 'jobManagerTask' as manager,
        ${headroomOf(sql)} as headroom, ${closedNodesOf(sql, poolPk)} as closed_node_pks
      from job j where j.pk = t.job_pk
    ) j on true`;
  const [job] = jobSnapshot(rows);
  const [task] = job?.tasks ?? [];
  return job && task && { job, task };
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
      heldSlots: first.heldSlots,
      hasMore: rows.length === first.mostTasks,
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
