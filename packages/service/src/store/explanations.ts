import type { Failure } from "@kyanite/contract";
import type { Job } from "../domain/job/job.ts";
import type { Preparation } from "../domain/job/preparation.ts";
import type { Pool } from "../domain/pool/pool.ts";
import type { Task } from "../domain/task/task.ts";
import type { CreationFacts, NodeGroup, PoolFacts } from "../scheduler/explain/pool-facts.ts";
import type { Line } from "../scheduler/explain/task-facts.ts";
import type { NodeSnapshot } from "../scheduler/snapshot.ts";
import { readAutoScale } from "./auto-scale.ts";
import type { Sql } from "./database.ts";
import { mayTakeTasks } from "./standing.ts";

/** What explanations ask for besides. All of it is bounded, however much there is. */

export async function readPoolFacts(sql: Sql, pool: Pool): Promise<PoolFacts> {
  const [groups, creation, autoScale] = await Promise.all([
    readNodeGroups(sql, pool.pk),
    readCreation(sql, pool),
    readAutoScale(sql, pool),
  ]);
  const largestNode = Math.max(0, ...groups.map(({ largest }) => largest));
  return { pool, groups, creation, autoScale, largestNode };
}

async function readNodeGroups(sql: Sql, poolPk: number): Promise<(NodeGroup & { readonly largest: number })[]> {
  return sql<(NodeGroup & { largest: number })[]>`
    select state, scheduling_state, pending_action is not null as is_to_act, count(*)::int as nodes,
      sum(slots)::int as slots, sum(greatest(0, slots - used_slots))::int as free_slots,
      min(state_transition_time) as since, min(id) as node_id, max(slots) as largest
    from node where pool_pk = ${poolPk}
    group by state, scheduling_state, pending_action is not null
    order by nodes desc, state`;
}

/** Of so many of the latest nodes of a size it is asked how long they took. */
const latestNodes = 50;

/** Who restarted later tells nothing about how long a node takes: only a boot within this time counts. */
const longestCreationSeconds = 3_600;

async function readCreation(sql: Sql, { pk, accountPk, vmSize }: Pool): Promise<CreationFacts> {
  const [row] = await sql<CreationFacts[]>`
    select made.*, usual.usual_seconds
    from (
      select min(allocation_time) as since, coalesce(max(pending_reason), max(start_failure)) as reason,
        coalesce(max(start_failures), 0) as start_failures
      from node where pool_pk = ${pk} and state = 'creating'
    ) made, (
      select percentile_cont(0.5) within group (
        order by extract(epoch from last_boot_time - allocation_time)
      )::float8 as usual_seconds
      from (
        select n.last_boot_time, n.allocation_time
        from pool p join node n on n.pool_pk = p.pk
        where p.account_pk = ${accountPk} and lower(p.vm_size) = lower(${vmSize}) and n.last_boot_time is not null
        order by n.pk desc limit ${latestNodes}
      ) latest
      where last_boot_time < allocation_time + ${longestCreationSeconds} * interval '1 second'
    ) usual`;
  return row ?? { since: null, reason: null, startFailures: 0, usualSeconds: null };
}

const mostNodes = 1_000;

/** The nodes of a pool that take tasks, whether or not they have room: those with the most room. */
export async function readOpenNodes(sql: Sql, poolPk: number): Promise<NodeSnapshot[]> {
  return sql<NodeSnapshot[]>`
    select n.pk as node_pk, n.id as node_id, n.slots, n.slots - n.used_slots as free_slots, n.is_dedicated
    from node n where n.pool_pk = ${poolPk} and ${mayTakeTasks(sql)}
    order by n.slots - n.used_slots desc, n.pk limit ${mostNodes}`;
}

/** So many tasks and jobs are counted; what is beyond is "more". */
const mostCounted = { tasks: 1_000, jobs: 100 } as const;

/** Who waits before a task, in its job and in its pool. */
export async function readLine(sql: Sql, job: Job, task: Task): Promise<Line> {
  const others = (condition: ReturnType<Sql>) => sql`(
    select count(*)::int as jobs, coalesce(sum(c.active), 0)::int as tasks from (
      select pk from job j
      where j.account_pk = ${job.accountPk} and j.pool_key = ${job.poolKey} and j.state = 'active' and ${condition}
        and (select true from task t where t.job_pk + 0 = j.pk and t.state = 'active' and t.waiting_for = 0 limit 1)
      limit ${mostCounted.jobs}
    ) j left join lateral (select sum(active) as active from task_count where job_pk = j.pk) c on true
  )`;
  const [row] = await sql<(Line & { before: number })[]>`
    select before.tasks as before, urgent.jobs as urgent_jobs, urgent.tasks as urgent_tasks, equal.jobs as equal_jobs
    from (
      select count(*)::int as tasks from (
        select from task t
        where t.job_pk + 0 = ${job.pk} and t.state = 'active' and t.waiting_for = 0
          and (t.queue_rank, t.pk) < (select o.queue_rank, o.pk from task o where o.pk = ${task.pk})
        limit ${mostCounted.tasks + 1}
      ) counted
    ) before,
    ${others(sql`j.priority > ${job.priority}`)} urgent,
    ${others(sql`j.priority = ${job.priority} and j.pk <> ${job.pk}`)} equal`;
  const { before = 0, urgentJobs = 0, urgentTasks = 0, equalJobs = 0 } = row ?? {};
  const isMore = before > mostCounted.tasks;
  return { tasksBefore: isMore ? mostCounted.tasks : before, isMore, urgentJobs, urgentTasks, equalJobs };
}

/** How many other tasks of a job have failed in the same way, among the first failed ones in the order of their ids. */
export async function countAlike(
  sql: Sql,
  { pk, jobPk, exitCode }: Pick<Task, "pk" | "jobPk" | "exitCode">,
  { code }: Failure,
): Promise<{ readonly alike: number; readonly lookedAt: number }> {
  const [row] = await sql<{ alike: number; lookedAt: number }[]>`
    select count(*)::int as looked_at, count(*) filter (
      where pk <> ${pk} and failure_info ->> 'code' = ${code} and exit_code is not distinct from ${exitCode}::integer
    )::int as alike
    from (
      select pk, failure_info, exit_code from task
      where job_pk::text || ' ' || coalesce(result, state) = ${`${jobPk} failure`}
      order by key limit ${mostCounted.tasks}
    ) failed`;
  return row ?? { alike: 0, lookedAt: 0 };
}

/** Where the preparation of a job has failed, a few of them, and how it is on the node of a task. */
export async function readPreparationsToTell(
  sql: Sql,
  { pk }: Job,
  nodeId: string | undefined,
): Promise<Preparation[]> {
  return sql<Preparation[]>`
    (select * from preparation where job_pk = ${pk} and state = 'failed' order by node_id limit 3)
    union
    (select * from preparation where job_pk = ${pk} and node_id = ${nodeId ?? ""})`;
}

/** The first task of a job that waits for nothing but its place. */
export async function readFirstReady(sql: Sql, { pk }: Job): Promise<Task | undefined> {
  const [task] = await sql<Task[]>`
    select t.* from task t where t.job_pk + 0 = ${pk} and t.state = 'active' and t.waiting_for = 0
    order by t.queue_rank, t.pk limit 1`;
  return task;
}

/** A way of failing, and the first task that failed so. */
interface CommonFailure {
  readonly failure: Failure;
  readonly exitCode: number | null;
  readonly taskId: string;
  readonly tasks: number;
  readonly lookedAt: number;
}

/** How most tasks of a job failed, among the first failed ones in the order of their ids. */
export async function readCommonFailure(sql: Sql, { pk }: Job): Promise<CommonFailure | undefined> {
  const [row] = await sql<CommonFailure[]>`
    select (array_agg(failure_info order by key))[1] as failure, exit_code, (array_agg(id order by key))[1] as task_id,
      count(*)::int as tasks, (sum(count(*)) over ())::int as looked_at
    from (
      select key, id, failure_info, exit_code from task
      where job_pk::text || ' ' || coalesce(result, state) = ${`${pk} failure`}
      order by key limit ${mostCounted.tasks}
    ) failed
    where failure_info is not null
    group by failure_info ->> 'code', exit_code
    order by count(*) desc, min(key) limit 1`;
  return row;
}

/** How many tasks wait for a pool, of a bounded number of its active jobs. */
export async function countWaitingTasks(sql: Sql, { accountPk, key }: Pool): Promise<number> {
  const [row] = await sql<{ tasks: number }[]>`
    select coalesce(sum(c.active), 0)::int as tasks
    from (
      select pk from job where account_pk = ${accountPk} and pool_key = ${key} and state = 'active'
      limit ${mostCounted.jobs}
    ) j join task_count c on c.job_pk = j.pk`;
  return row?.tasks ?? 0;
}
