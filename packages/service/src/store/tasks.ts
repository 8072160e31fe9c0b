import { type TaskAddParameter, TaskExecutionResult, TaskState } from "@kyanite/contract";
import { type Filter, mayMatch } from "../domain/filter.ts";
import type { Job } from "../domain/job/job.ts";
import type { NodeLoad } from "../domain/node/load.ts";
import type { NewTask } from "../domain/task/new-task.ts";
import { type Task, taskStandings, taskStatesBefore } from "../domain/task/task.ts";
import { updateStatement } from "./columns.ts";
import { asArray, asJson, type Sql } from "./database.ts";
import { deleteDependencies, insertDependencies } from "./dependencies.ts";
import { type FilterColumns, filterToSql } from "./filter.ts";
import type { NodeRoom } from "./nodes.ts";
import { firstBytes, type Sized } from "./page.ts";
import { forgetRunsOfTasks } from "./past-runs.ts";

const equality = ["eq", "ne"] as const;

/** What `$filter` may say of tasks. */
const taskFilterColumns: FilterColumns = {
  id: { column: "key", type: "id" },
  state: { column: "state", type: "state", operators: equality, values: TaskState.enum },
  stateTransitionTime: { column: "state_transition_time", type: "time" },
  creationTime: { column: "creation_time", type: "time" },
  lastModified: { column: "last_modified", type: "time" },
  lastModifiedTime: { column: "last_modified", type: "time" },
  "executionInfo/startTime": { column: "start_time", type: "time" },
  "executionInfo/endTime": { column: "end_time", type: "time" },
  "executionInfo/exitCode": { column: "exit_code", type: "integer" },
  "executionInfo/result": { column: "result", type: "state", operators: equality, values: TaskExecutionResult.enum },
};

export interface InsertedTask {
  readonly pk: number;
  readonly key: string;
  readonly etag: string;
}

/**
 * Inserts tasks in one statement; those whose id the job already has are left out of the answer.
 * @param traceParent the trace that they belong to, if to any
 */
export async function insertTasks(
  sql: Sql,
  job: Job,
  tasks: readonly NewTask[],
  now: Date,
  traceParent?: string,
): Promise<InsertedTask[]> {
  const rows = tasks.map(({ parentKeys, parentRanges, ...task }) => ({
    key: task.key,
    id: task.id,
    number: task.number,
    queue_rank: task.queueRank,
    required_slots: task.requiredSlots,
    instances: task.instances,
    waiting_for: parentKeys.length + parentRanges.reduce((total, { start, end }) => total + end - start + 1, 0),
    spec: task.spec,
  }));
  const inserted = await sql<InsertedTask[]>`
    insert into task (
      job_pk, key, id, number, last_modified, creation_time, state, state_transition_time, queue_rank, required_slots,
      instances, waiting_for, spec, trace_parent
    )
    select ${job.pk}, key, id, number, ${now}::timestamptz, ${now}::timestamptz, 'active', ${now}::timestamptz,
      queue_rank, required_slots, instances, waiting_for, spec, ${traceParent ?? null}::text
    from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as given (
      key text, id text, number bigint, queue_rank smallint, required_slots integer, instances integer, waiting_for integer,
      spec jsonb
    )
    on conflict (job_pk, key) do nothing
    returning pk, key, etag`;
  await insertDependencies(sql, job, tasks, inserted);
  return inserted;
}

export async function readTask(sql: Sql, job: Job, id: string): Promise<Task | undefined> {
  const [task] = await sql<Task[]>`select * from task where job_pk = ${job.pk} and key = ${id.toLowerCase()}`;
  return task;
}

export async function readTaskByPk(sql: Sql, pk: number): Promise<Task | undefined> {
  const [task] = await sql<Task[]>`select * from task where pk = ${pk}`;
  return task;
}

export async function lockTask(sql: Sql, job: Job, id: string): Promise<Task | undefined> {
  const [task] = await sql<Task[]>`
    select * from task where job_pk = ${job.pk} and key = ${id.toLowerCase()} for no key update`;
  return task;
}

/** The tasks that have these runs, in the order in which everybody locks tasks. */
export async function lockTasksOfRuns(sql: Sql, runIds: readonly string[]): Promise<Task[]> {
  return sql<Task[]>`
    select * from task where run_id = any(${[...runIds]}::uuid[]) order by pk for no key update`;
}

/** Those of these tasks that are on nodes, in the order in which everybody locks tasks. */
export async function lockRunningTasksByPk(sql: Sql, pks: readonly number[]): Promise<Task[]> {
  return sql<Task[]>`
    select * from task where pk = any(${[...pks]}::bigint[]) and state in ('preparing', 'running')
    order by pk for no key update`;
}

/** The tasks that are on these nodes, if only with an instance, in the order in which everybody locks tasks. */
export async function lockTasksOnNodes(sql: Sql, nodePks: readonly number[]): Promise<Task[]> {
  return sql<Task[]>`
    select * from task
    where pk in (
      select pk from task where node_pk = any(${[...nodePks]}::bigint[]) and state in ('preparing', 'running')
      union
      select task_pk from subtask where node_pk = any(${[...nodePks]}::bigint[])
    ) and state in ('preparing', 'running')
    order by pk for no key update`;
}

/** One page of a job's tasks in the order of their keys, beginning after `after`. */
export async function listTasks(
  sql: Sql,
  job: Job,
  page: { filter?: Filter; after?: string; limit: number },
): Promise<Sized<Task>[]> {
  const { filter, after = "", limit } = page;
  const isWanted = filter ? sql`and ${filterToSql(sql, filter, taskFilterColumns)}` : sql``;
  const standings = Object.entries(taskStandings);
  const possible = standings.filter(([, facts]) => !filter || mayMatch(filter, facts));
  if (possible.length === standings.length) {
    const rows = sql`
      select * from task where job_pk = ${job.pk} and key > ${after} ${isWanted} order by key limit ${limit}`;
    return sql<Sized<Task>[]>`${firstBytes(sql, rows, "key")}`;
  }
  const rows = sql`
    select found.* from unnest(${possible.map(([name]) => `${job.pk} ${name}`)}::text[]) standing
    cross join lateral (
      select * from task
      where job_pk::text || ' ' || coalesce(result, state) = standing and key > ${after} ${isWanted}
      order by key limit ${limit}
    ) found
    order by key limit ${limit}`;
  return sql<Sized<Task>[]>`${firstBytes(sql, rows, "key")}`;
}

/** What changes as a task goes on, with its type in the database. */
const changing = {
  state: "text",
  stateTransitionTime: "timestamptz",
  previousState: "text",
  previousStateTransitionTime: "timestamptz",
  isSatisfied: "boolean",
  retryCount: "integer",
  lastRetryTime: "timestamptz",
  requeueCount: "integer",
  lastRequeueTime: "timestamptz",
  internalRetryCount: "integer",
  heldSlots: "integer",
  firstStartTime: "timestamptz",
  wallClockSeconds: "double precision",
  resourceUse: "jsonb",
  startTime: "timestamptz",
  endTime: "timestamptz",
  exitCode: "integer",
  result: "text",
  failureInfo: "jsonb",
  containerInfo: "jsonb",
  nodePk: "bigint",
  runId: "uuid",
} as const satisfies Partial<Record<keyof Task, string>>;

const saveStatement = updateStatement("task", changing);

/** Saves what the service changes in tasks, in one statement. ETags stay: they belong to clients' changes. */
export async function saveTasks(sql: Sql, tasks: readonly Task[]): Promise<void> {
  if (tasks.length === 0) return;
  const values = Object.keys(changing).map((name) => {
    const property = name as keyof typeof changing;
    return asArray(tasks.map((task) => scalar(task[property])));
  });
  const pks = tasks.map(({ pk }) => pk);
  await sql.unsafe(saveStatement, [pks, ...values], { prepare: true });
}

const scalar = (value: Task[keyof typeof changing]) =>
  value !== null && typeof value === "object" && !(value instanceof Date) ? asJson(value) : value;

/** A client's change of one task: saves it with a new ETag. */
export async function touchTask(sql: Sql, task: Task, spec: TaskAddParameter, now: Date): Promise<{ etag: string }> {
  const [saved] = await sql<{ etag: string }[]>`
    update task set etag = next_etag(), last_modified = ${now}, spec = ${asJson(spec)}::text::jsonb
    where pk = ${task.pk} returning etag`;
  return { etag: saved?.etag ?? task.etag };
}

export interface PlacedTask {
  readonly taskPk: number;
  readonly node: NodeRoom;
  /** Whether it has to wait until the node is prepared for its job. */
  readonly isPreparing: boolean;
  /** Whether it takes all slots of the node. */
  readonly isExclusive: boolean;
}

/** What a node gets of a job's tasks. */
export interface PlacedLoad extends NodeLoad {
  readonly jobPk: number;
}

/**
 * Starts tasks on nodes in one statement, and leaves out those that are no longer waiting. The caller holds the nodes
 * and jobs.
 */
export async function startTasks(sql: Sql, placed: readonly PlacedTask[], now: Date): Promise<PlacedLoad[]> {
  if (placed.length === 0) return [];
  return sql<PlacedLoad[]>`
    with started as (
      update task t set
        state = case when g.is_preparing then 'preparing' else 'running' end,
        state_transition_time = ${now}, previous_state = t.state,
        previous_state_transition_time = t.state_transition_time,
        start_time = case when not g.is_preparing then ${now}::timestamptz end,
        run_id = case when not g.is_preparing then gen_random_uuid() end,
        held_slots = g.held_slots, node_pk = g.node_pk, node_info = g.node_info
      from unnest(
        ${asArray(placed.map(({ taskPk }) => taskPk))}::text::bigint[],
        ${asArray(placed.map(({ node }) => node.pk))}::text::bigint[],
        ${asArray(placed.map(({ node }) => asJson({ poolId: node.poolId, nodeId: node.id })))}::text::jsonb[],
        ${asArray(placed.map(({ isExclusive, node }) => (isExclusive ? node.slots : null)))}::text::integer[],
        ${asArray(placed.map(({ isPreparing }) => isPreparing))}::text::boolean[]
      ) as g (task_pk, node_pk, node_info, held_slots, is_preparing)
      where t.pk = g.task_pk and t.pk = any(${placed.map(({ taskPk }) => taskPk)}::bigint[])
        and t.state = any(${taskStatesBefore("prepare")}) and t.waiting_for = 0
      returning t.job_pk, t.node_pk, t.pk, coalesce(t.held_slots, t.required_slots) as slots
    )
    select job_pk, node_pk, sum(slots)::int as slots, count(*)::int as tasks, array_agg(pk) as recent
    from started group by job_pk, node_pk`;
}

/** The tasks of a job that wait on a node until it is prepared, in the order in which everybody locks tasks. */
export async function lockTasksToStart(sql: Sql, place: { jobPk: number; nodePk: number }): Promise<Task[]> {
  return sql<Task[]>`
    select * from task
    where pk in (
      select pk from task where node_pk = ${place.nodePk} and state = 'preparing'
      union
      select task_pk from subtask where node_pk = ${place.nodePk}
    ) and job_pk = ${place.jobPk} and state = 'preparing'
    order by pk for no key update`;
}

/** Starts the tasks of a job that waited on a node until it was prepared. */
export async function startPreparedTasks(sql: Sql, place: { jobPk: number; nodePk: number }, now: Date): Promise<void> {
  await sql`
    update task t set
      state = 'running', state_transition_time = ${now}, previous_state = t.state,
      previous_state_transition_time = t.state_transition_time, start_time = ${now}, run_id = gen_random_uuid()
    where node_pk = ${place.nodePk} and job_pk = ${place.jobPk} and state = 'preparing' and instances is null`;
}

/** Gives tasks that stay on their node a new run there, after an exit that is tried again. */
export async function restartTasks(sql: Sql, pks: readonly number[]): Promise<void> {
  if (pks.length === 0) return;
  await sql`update task set run_id = gen_random_uuid() where pk = any(${[...pks]}::bigint[])`;
}

/**
 * Notes when runs really started. A task that somebody is changing is left alone.
 * @returns the ids of the runs whose tasks were held
 */
export async function noteStarts(
  sql: Sql,
  starts: readonly { readonly runId: string; readonly startTime: Date }[],
): Promise<readonly string[]> {
  const runIds = starts.map(({ runId }) => runId);
  const times = asArray(starts.map(({ startTime }) => startTime));
  const noted = await sql<{ runId: string }[]>`
    update task set start_time = given.start_time
    from unnest(${runIds}::uuid[], ${times}::text::timestamptz[]) as given (run_id, start_time)
    where task.run_id = given.run_id and task.pk = any(array(
      select pk from task where run_id = any(${runIds}::uuid[]) for no key update skip locked
    )) returning given.run_id`;
  const isNoted = new Set(noted.map(({ runId }) => runId));
  const others = runIds.filter((runId) => !isNoted.has(runId));
  if (others.length === 0) return [];
  // A task forgets its run when that ends.
  const held = await sql<{ runId: string }[]>`select run_id from task where run_id = any(${others}::uuid[])`;
  return held.map(({ runId }) => runId);
}

export interface TaskCountsRow {
  readonly active: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly activeSlots: number;
  readonly runningSlots: number;
  readonly succeededSlots: number;
  readonly failedSlots: number;
  /** Whether there are active tasks, each of which waits for another, and none that runs. */
  readonly allWaitForOthers: boolean;
}

/** Exact at every moment, whatever the number of tasks. */
export async function readTaskCounts(sql: Sql, job: Job): Promise<TaskCountsRow> {
  const [row] = await sql<TaskCountsRow[]>`
    select coalesce(sum(active), 0)::bigint as active, coalesce(sum(running), 0)::bigint as running,
      coalesce(sum(succeeded), 0)::bigint as succeeded, coalesce(sum(failed), 0)::bigint as failed,
      coalesce(sum(active_slots), 0)::bigint as active_slots, coalesce(sum(running_slots), 0)::bigint as running_slots,
      coalesce(sum(succeeded_slots), 0)::bigint as succeeded_slots,
      coalesce(sum(failed_slots), 0)::bigint as failed_slots,
      ${job.usesTaskDependencies}::boolean and coalesce(sum(running) = 0 and sum(active) > 0, false) and not exists (
        select from task where job_pk + 0 = ${job.pk} and state = 'active' and waiting_for = 0
      ) as all_wait_for_others
    from task_count where job_pk = ${job.pk}`;
  if (!row) throw new Error("an aggregate without a row");
  return row;
}

/**
 * Deletes up to `limit` tasks of a job with what belongs to them.
 * @returns how many there were, and the nodes on which they last ran
 */
export async function deleteTasks(
  sql: Sql,
  jobPk: number,
  limit: number,
  now: Date,
): Promise<{ readonly count: number; readonly nodeIds: readonly string[] }> {
  const tasks = await sql<{ pk: number; nodeId: string | null }[]>`
    delete from task where pk in (select pk from task where job_pk = ${jobPk} order by key limit ${limit})
    returning pk, node_info ->> 'nodeId' as node_id`;
  const pks = tasks.map(({ pk }) => pk);
  const subtasks = await sql<{ nodeId: string | null }[]>`
    delete from subtask where task_pk = any(${pks}::bigint[]) returning node_info ->> 'nodeId' as node_id`;
  await deleteDependencies(sql, jobPk, pks);
  await forgetRunsOfTasks(sql, pks, now);
  const nodeIds = new Set([...tasks, ...subtasks].flatMap(({ nodeId }) => nodeId ?? []));
  return { count: tasks.length, nodeIds: [...nodeIds] };
}

export async function deleteTask(sql: Sql, task: Task, now: Date): Promise<void> {
  await sql`delete from task where pk = ${task.pk}`;
  if (task.instances !== null) await sql`delete from subtask where task_pk = ${task.pk}`;
  await deleteDependencies(sql, task.jobPk, [task.pk]);
  await forgetRunsOfTasks(sql, [task.pk], now);
}

/** Up to `limit` tasks of a job that are on nodes, in the order in which everybody locks tasks. */
export async function lockRunningTasks(sql: Sql, jobPk: number, limit: number): Promise<Task[]> {
  return sql<Task[]>`
    select * from task where job_pk = ${jobPk} and state in ('preparing', 'running')
    order by pk limit ${limit} for no key update`;
}

/** A task of late on a node. */
export interface RecentTask {
  readonly onNodePk: number;
  readonly jobId: string;
  readonly task: Task;
}

/** The tasks that ran on these nodes of late and are known still, the latest change last. */
export async function readRecentTasks(sql: Sql, nodePks: readonly number[]): Promise<RecentTask[]> {
  const rows = await sql<(Task & { onNodePk: number; ofJobId: string })[]>`
    select n.pk as on_node_pk, j.id as of_job_id, t.*
    from (select pk, id, unnest(recent_tasks) as task_pk from node where pk = any(${[...nodePks]}::bigint[])) n
    join task t on t.pk = n.task_pk and t.node_info ->> 'nodeId' = n.id
    join job j on j.pk = t.job_pk
    order by t.state_transition_time, t.pk`;
  return rows.map(({ onNodePk, ofJobId, ...task }) => ({ onNodePk, jobId: ofJobId, task }));
}
