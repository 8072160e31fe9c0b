import type { Subtask } from "../domain/task/subtask.ts";
import type { Task } from "../domain/task/task.ts";
import { asJson, type Sql } from "./database.ts";

/** A multi-instance task and the nodes it is placed on, the primary's first. */
export interface Gang {
  readonly taskPk: number;
  readonly nodePks: readonly number[];
}

/** Makes the instances of tasks that have just been placed; those of an earlier placement are forgotten. */
export async function insertSubtasks(sql: Sql, gangs: readonly Gang[], now: Date): Promise<void> {
  if (gangs.length === 0) return;
  const rows = gangs.flatMap(({ taskPk, nodePks }) =>
    nodePks.map((nodePk, id) => ({ task_pk: taskPk, id, node_pk: nodePk })),
  );
  await sql`delete from subtask where task_pk = any(${gangs.map(({ taskPk }) => taskPk)}::bigint[])`;
  await sql`
    insert into subtask (task_pk, id, state, state_transition_time, node_pk, node_info)
    select t.pk, g.id, t.state, ${now}::timestamptz, n.pk, jsonb_build_object('poolId', p.id, 'nodeId', n.id)
    from jsonb_to_recordset(${asJson(rows)}::text::jsonb) as g (task_pk bigint, id integer, node_pk bigint)
    join task t on t.pk = g.task_pk
    join node n on n.pk = g.node_pk
    join pool p on p.pk = n.pool_pk`;
  await startInstances(
    sql,
    gangs.map(({ taskPk }) => taskPk),
    now,
  );
}

/** Gives the instances of tasks that run, for the first time or again, a run on each of their nodes. */
export async function startInstances(sql: Sql, taskPks: readonly number[], now: Date): Promise<void> {
  if (taskPks.length === 0) return;
  await sql`
    update subtask s set
      run_id = case s.id when 0 then t.run_id else gen_random_uuid() end, is_coordinated = false,
      start_time = ${now}, end_time = null, exit_code = null, result = null, failure_info = null,
      container_info = null, node_pk = n.pk,
      state = 'running',
      state_transition_time = case s.state when 'running' then s.state_transition_time else ${now} end,
      previous_state = case s.state when 'running' then s.previous_state else s.state end,
      previous_state_transition_time =
        case s.state when 'running' then s.previous_state_transition_time else s.state_transition_time end
    from task t, node n
    where t.pk = s.task_pk and t.pk = any(${[...taskPks]}::bigint[]) and t.state = 'running'
      and n.id = s.node_info ->> 'nodeId'`;
}

/**
 * Starts the multi-instance tasks of a job that waited for this node, if all their other nodes are prepared too.
 * @returns those that run now; their instances have still to be started
 */
export async function startPreparedGangs(
  sql: Sql,
  place: { readonly jobPk: number; readonly nodePk: number },
  now: Date,
): Promise<number[]> {
  const started = await sql<{ pk: number }[]>`
    update task t set
      state = 'running', state_transition_time = ${now}, previous_state = t.state,
      previous_state_transition_time = t.state_transition_time, start_time = ${now}, run_id = gen_random_uuid()
    where t.pk in (select task_pk from subtask where node_pk = ${place.nodePk})
      and t.job_pk = ${place.jobPk} and t.state = 'preparing' and not exists (
        select from subtask s
        left join preparation c on c.job_pk = t.job_pk and c.node_pk = s.node_pk
        where s.task_pk = t.pk and c.state is distinct from 'prepared'
      )
    returning pk`;
  return started.map(({ pk }) => pk);
}

export async function readSubtasks(sql: Sql, taskPks: readonly number[]): Promise<Subtask[]> {
  return sql<Subtask[]>`
    select * from subtask where task_pk = any(${[...taskPks]}::bigint[]) order by task_pk, id`;
}

/** Saves what the service changes in instances, in one statement. The caller holds their tasks. */
export async function saveSubtasks(sql: Sql, subtasks: readonly Subtask[]): Promise<void> {
  if (subtasks.length === 0) return;
  const rows = subtasks.map((subtask) => ({
    task_pk: subtask.taskPk,
    id: subtask.id,
    state: subtask.state,
    state_transition_time: subtask.stateTransitionTime,
    previous_state: subtask.previousState,
    previous_state_transition_time: subtask.previousStateTransitionTime,
    node_pk: subtask.nodePk,
    run_id: subtask.runId,
    start_time: subtask.startTime,
    end_time: subtask.endTime,
    exit_code: subtask.exitCode,
    result: subtask.result,
    failure_info: subtask.failureInfo,
    container_info: subtask.containerInfo,
  }));
  await sql`
    update subtask set
      state = g.state,
      state_transition_time = g.state_transition_time,
      previous_state = g.previous_state,
      previous_state_transition_time = g.previous_state_transition_time,
      node_pk = g.node_pk,
      run_id = g.run_id,
      start_time = g.start_time,
      end_time = g.end_time,
      exit_code = g.exit_code,
      result = g.result,
      failure_info = g.failure_info,
      container_info = g.container_info
    from jsonb_populate_recordset(null::subtask, ${asJson(rows)}::text::jsonb) as g
    where subtask.task_pk = g.task_pk and subtask.id = g.id`;
}

export async function deleteSubtasks(sql: Sql, taskPks: readonly number[]): Promise<void> {
  await sql`delete from subtask where task_pk = any(${[...taskPks]}::bigint[])`;
}

/** The instances beside the primary that have these runs, and the tasks they belong to, which are locked. */
export async function lockInstancesOfRuns(
  sql: Sql,
  runIds: readonly string[],
): Promise<{ tasks: readonly Task[]; subtasks: readonly Subtask[] }> {
  const found = await sql<{ taskPk: number }[]>`
    select task_pk from subtask where run_id = any(${[...runIds]}::uuid[]) and id > 0`;
  if (found.length === 0) return { tasks: [], subtasks: [] };
  const tasks = await sql<Task[]>`
    select * from task where pk = any(${found.map(({ taskPk }) => taskPk)}::bigint[]) order by pk for no key update`;
  const subtasks = await sql<Subtask[]>`
    select * from subtask where run_id = any(${[...runIds]}::uuid[]) and id > 0 order by task_pk, id`;
  return { tasks, subtasks };
}

/**
 * Notes that the coordination command has succeeded in a run.
 * @returns the node of the primary when this was the last instance; undefined when others are awaited or the run is
 *   not wanted any more
 */
export async function coordinateInstance(sql: Sql, runId: string): Promise<number | undefined> {
  const [found] = await sql<{ taskPk: number }[]>`select task_pk from subtask where run_id = ${runId}`;
  if (!found) return undefined;
  await sql`select pk from task where pk = ${found.taskPk} for no key update`;
  await sql`update subtask set is_coordinated = true where run_id = ${runId}`;
  const [primary] = await sql<{ nodePk: number | null }[]>`
    select node_pk from subtask s
    where task_pk = ${found.taskPk} and id = 0
      and not exists (select from subtask other where other.task_pk = s.task_pk and not other.is_coordinated)`;
  return primary?.nodePk ?? undefined;
}
