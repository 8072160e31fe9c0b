import type { JobRun, PackageRun, Run, StartTaskRun, TaskRun } from "../domain/run/run.ts";
import type { Sql } from "./database.ts";

/** Which runs a node should have. */
export interface WantedRun {
  readonly nodePk: number;
  readonly runId: string;
  /** Whether all instances of its multi-instance task are coordinated, so that the primary's command may start. */
  readonly mayProceed: boolean;
}

/** Everything that should be running on these nodes now. A task that is still preparing has no run. */
export async function readWantedRuns(sql: Sql, nodePks: readonly number[]): Promise<WantedRun[]> {
  return sql<WantedRun[]>`
    select node_pk, run_id, false as may_proceed from task
    where node_pk = any(${[...nodePks]}::bigint[]) and instances is null and num_nonnulls(run_id) = 1
    union all
    select node_pk, run_id, id = 0 and not exists (
      select from subtask other where other.task_pk = s.task_pk and not other.is_coordinated
    )
    from subtask s where node_pk = any(${[...nodePks]}::bigint[]) and run_id is not null
    union all
    select pk, start_run_id, false from node where pk = any(${[...nodePks]}::bigint[]) and start_run_id is not null
    union all
    select pk, package_run_id, false from node where pk = any(${[...nodePks]}::bigint[]) and package_run_id is not null
    union all
    select node_pk, run_id, false from preparation
    where node_pk = any(${[...nodePks]}::bigint[]) and run_id is not null`;
}

/** Where a run is, and what it finds there. */
const place = (sql: Sql) => sql`
  a.name as account_name, a.storage_account, p.id as pool_id, n.id as node_id, n.is_dedicated,
  n.packages as node_packages, p.spec -> 'certificateReferences' as certificate_references,
  p.spec #> '{virtualMachineConfiguration,containerConfiguration}' as container_configuration,
  p.enable_inter_node_communication`;

/** The runs with these ids that are still wanted. */
export async function readRuns(sql: Sql, runIds: readonly string[]): Promise<Run[]> {
  if (runIds.length === 0) return [];
  const tasks = await sql<TaskRun[]>`
    with run as materialized (select * from task where run_id = any(${[...runIds]}::uuid[]) and instances is null)
    select 'task' as kind, t.run_id, ${place(sql)}, j.pk as job_pk, j.id as job_id, j.spec as job_spec,
      t.pk as task_pk, t.id as task_id, t.spec as task_spec, t.retry_count,
      coalesce(t.held_slots, t.required_slots) as slots, t.trace_parent,
      resolved_packages(a.pk, t.spec -> 'applicationPackageReferences') as packages
    from run t
    join job j on j.pk = t.job_pk
    join node n on n.pk = t.node_pk
    join pool p on p.pk = n.pool_pk
    join account a on a.pk = p.account_pk
    order by j.priority desc, t.queue_rank, t.pk`;
  const rest = without(runIds, tasks);
  if (rest.length === 0) return tasks;
  const startTasks = await sql<StartTaskRun[]>`
    select 'startTask' as kind, n.start_run_id as run_id, ${place(sql)}, n.start_task, null as packages
    from node n
    join pool p on p.pk = n.pool_pk
    join account a on a.pk = p.account_pk
    where n.start_run_id = any(${rest}::uuid[]) and n.start_task is not null`;
  const others = without(rest, startTasks);
  if (others.length === 0) return [...tasks, ...startTasks];
  const rare = [
    await readJobRuns(sql, others),
    await readInstanceRuns(sql, others),
    await readPackageRuns(sql, others),
  ];
  return [...tasks, ...startTasks, ...rare.flat()];
}

async function readPackageRuns(sql: Sql, runIds: readonly string[]): Promise<PackageRun[]> {
  return sql<PackageRun[]>`
    select 'packages' as kind, n.package_run_id as run_id, ${place(sql)}, null as packages
    from node n
    join pool p on p.pk = n.pool_pk
    join account a on a.pk = p.account_pk
    where n.package_run_id = any(${[...runIds]}::uuid[])`;
}

async function readJobRuns(sql: Sql, runIds: readonly string[]): Promise<JobRun[]> {
  return sql<JobRun[]>`
    select case c.state when 'preparing' then 'jobPreparation' else 'jobRelease' end as kind, c.run_id,
      ${place(sql)}, null as packages, j.id as job_id, j.spec as job_spec,
      (c.preparation_info ->> 'retryCount')::int as retry_count
    from preparation c
    join job j on j.pk = c.job_pk
    join node n on n.pk = c.node_pk
    join pool p on p.pk = n.pool_pk
    join account a on a.pk = p.account_pk
    where c.run_id = any(${[...runIds]}::uuid[])`;
}

function without(runIds: readonly string[], found: readonly Run[]): string[] {
  const known = new Set(found.map(({ runId }) => runId));
  return runIds.filter((runId) => !known.has(runId));
}

async function readInstanceRuns(sql: Sql, runIds: readonly string[]): Promise<TaskRun[]> {
  return sql<TaskRun[]>`
    select 'task' as kind, s.run_id, ${place(sql)}, j.pk as job_pk, j.id as job_id, j.spec as job_spec,
      t.pk as task_pk, t.id as task_id, t.spec as task_spec, t.retry_count,
      resolved_packages(a.pk, t.spec -> 'applicationPackageReferences') as packages,
      jsonb_build_object('id', s.id, 'vmSize', p.vm_size, 'hosts', (
        select jsonb_agg(coalesce(host.ip_address, host.id) order by other.id)
        from subtask other join node host on host.pk = other.node_pk where other.task_pk = t.pk
      )) as instance
    from subtask s
    join task t on t.pk = s.task_pk
    join job j on j.pk = t.job_pk
    join node n on n.pk = s.node_pk
    join pool p on p.pk = n.pool_pk
    join account a on a.pk = p.account_pk
    where s.run_id = any(${[...runIds]}::uuid[]) and t.state = 'running'`;
}
