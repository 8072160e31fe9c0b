import type { SampleHistory, SampleVariable } from "@kyanite/autoscale";
import type { NodeSample } from "@kyanite/contract";
import { schedulableStates } from "../domain/node/node.ts";
import { after } from "../domain/time.ts";
import { asJson, type Sql } from "./database.ts";

/** Notes what agents have said of their nodes; a node that is gone by now is left out. */
export async function insertNodeSamples(
  sql: Sql,
  samples: readonly { readonly nodePk: number; readonly sample: NodeSample }[],
  now: Date,
): Promise<void> {
  const rows = samples.map(({ nodePk, sample }) => ({
    at: now,
    node_pk: nodePk,
    cpu: sample.cpuPercent / 100,
    memory_bytes: sample.memoryUsedBytes,
    disk_bytes: Math.max(0, (sample.diskTotalBytes ?? 0) - sample.diskFreeBytes),
    disk_read_bytes: sample.diskReadBytes,
    disk_write_bytes: sample.diskWriteBytes,
    disk_read_operations: sample.diskReadOperations,
    disk_write_operations: sample.diskWriteOperations,
    network_in_bytes: sample.networkInBytes,
    network_out_bytes: sample.networkOutBytes,
  }));
  await sql`
    with present as (
      select pk from node where pk = any(${rows.map((row) => row.node_pk)}::bigint[]) order by pk for key share
    )
    insert into node_sample
    select g.* from jsonb_populate_recordset(null::node_sample, ${asJson(rows)}::text::jsonb) as g
    join present on present.pk = g.node_pk
    on conflict do nothing`;
}

export interface Sampling {
  /** The moment the samples are of: a multiple of the period. */
  readonly at: Date;
  readonly periodSeconds: number;
}

/** Whether this is a new moment to sample pools at; it is not any more when the transaction commits. */
export async function beginSampling(sql: Sql, at: Date): Promise<boolean> {
  const begun = await sql`update pool_sampling set at = ${at} where at < ${at}`;
  return begun.count > 0;
}

/**
 * Takes the sample of a moment for every pool that was there then. Use of the nodes is averaged, and what was read,
 * written and transferred is added up, over what their agents said in the period before.
 */
export async function insertPoolSamples(sql: Sql, { at, periodSeconds }: Sampling): Promise<void> {
  await sql`
    with due as (
      select pk, account_pk, key, task_slots_per_node from pool p
      -- A pool that seems to be made later still was made before the clock was set back.
      where state = 'active' and (creation_time <= ${at} or creation_time > ${after(at, 2 * periodSeconds)})
      order by pk for key share
    ), job_of_due as (
      select due.pk as pool_pk, j.pk, j.state, j.uses_task_dependencies
      from due join job j on j.account_pk = due.account_pk and j.pool_key = due.key
    ), counted as (
      select j.pool_pk,
        sum(c.active) filter (where j.state <> 'completed' and not j.uses_task_dependencies) as active,
        sum(c.active_slots) filter (where j.state <> 'completed' and not j.uses_task_dependencies) as active_slots,
        sum(c.running_slots) as running_slots, sum(c.running) as running, sum(c.succeeded) as succeeded, sum(c.failed) as failed
      from job_of_due j join task_count c on c.job_pk = j.pk
      group by j.pool_pk
    ), ready as (
      -- Of jobs with dependencies only those tasks count that need not wait for others.
      select j.pool_pk, count(*) as active, sum(t.required_slots) as active_slots
      from job_of_due j join task t on t.job_pk + 0 = j.pk and t.state = 'active' and t.waiting_for = 0
      where j.uses_task_dependencies and j.state <> 'completed'
      group by j.pool_pk
    ), gangs as (
      -- A multi-instance task counts as many as it has instances; the first is counted already.
      select j.pool_pk, sum(t.instances - 1) as more
      from job_of_due j join task t on t.job_pk = j.pk and t.instances is not null and t.state = 'active' and t.waiting_for = 0
      where j.state <> 'completed'
      group by j.pool_pk
    ), oldest as (
      -- The first in the queue of each job: what waits for other tasks does not count.
      select j.pool_pk, max(extract(epoch from ${at}::timestamptz - t.state_transition_time)) as wait_seconds
      from job_of_due j cross join lateral (
        select state_transition_time from task
        where job_pk + 0 = j.pk and state = 'active' and waiting_for = 0
        order by queue_rank, pk limit 1
      ) t
      where j.state = 'active'
      group by j.pool_pk
    ), counted_nodes as (
      select n.pool_pk,
        count(*) filter (where n.is_dedicated) as dedicated,
        count(*) filter (where not n.is_dedicated) as low_priority,
        count(*) filter (where n.state = any(${[...schedulableStates]})) as usable,
        count(*) filter (where n.state = 'preempted') as preempted
      from due join node n on n.pool_pk = due.pk
      group by n.pool_pk
    ), nodes_in_state as (
      select pool_pk, jsonb_object_agg(state, nodes) as by_state
      from (
        select n.pool_pk, n.state, count(*) as nodes from due join node n on n.pool_pk = due.pk group by 1, 2
      ) each
      group by pool_pk
    ), used as (
      select n.pool_pk, count(distinct s.node_pk) as nodes, avg(s.cpu) as cpu,
        avg(s.memory_bytes) / 1048576 as memory_megabytes, avg(s.disk_bytes) / 1073741824 as disk_gigabytes,
        sum(s.disk_read_bytes) as disk_read_bytes, sum(s.disk_write_bytes) as disk_write_bytes,
        sum(s.disk_read_operations) as disk_read_operations, sum(s.disk_write_operations) as disk_write_operations,
        sum(s.network_in_bytes) as network_in_bytes, sum(s.network_out_bytes) as network_out_bytes
      from node_sample s join node n on n.pk = s.node_pk join due on due.pk = n.pool_pk
      where s.at > ${after(at, -periodSeconds)} and s.at <= ${at}
      group by n.pool_pk
    )
    insert into pool_sample (
      pool_pk, at, active_tasks, running_tasks, succeeded_tasks, failed_tasks, task_slots_per_node,
      current_dedicated_nodes, current_low_priority_nodes, usable_nodes, preempted_nodes, sample_nodes, cpu,
      wall_clock_seconds, memory_megabytes, disk_gigabytes, disk_read_bytes, disk_write_bytes, disk_read_operations,
      disk_write_operations, network_in_bytes, network_out_bytes, active_slots, running_slots, oldest_wait_seconds, nodes_by_state
    )
    select due.pk, ${at}, coalesce(c.active, 0) + coalesce(r.active, 0) + coalesce(g.more, 0), coalesce(c.running, 0),
      coalesce(c.succeeded, 0), coalesce(c.failed, 0), due.task_slots_per_node, coalesce(n.dedicated, 0),
      coalesce(n.low_priority, 0), coalesce(n.usable, 0), coalesce(n.preempted, 0), coalesce(u.nodes, 0),
      coalesce(u.cpu, 0), coalesce(c.running, 0) * ${periodSeconds}::double precision, coalesce(u.memory_megabytes, 0),
      coalesce(u.disk_gigabytes, 0), coalesce(u.disk_read_bytes, 0), coalesce(u.disk_write_bytes, 0),
      coalesce(u.disk_read_operations, 0), coalesce(u.disk_write_operations, 0), coalesce(u.network_in_bytes, 0),
      coalesce(u.network_out_bytes, 0), coalesce(c.active_slots, 0) + coalesce(r.active_slots, 0) + coalesce(g.more, 0),
      coalesce(c.running_slots, 0), greatest(0, coalesce(o.wait_seconds, 0)), coalesce(b.by_state, '{}')
    from due
    left join counted c on c.pool_pk = due.pk
    left join ready r on r.pool_pk = due.pk
    left join gangs g on g.pool_pk = due.pk
    left join oldest o on o.pool_pk = due.pk
    left join counted_nodes n on n.pool_pk = due.pk
    left join nodes_in_state b on b.pool_pk = due.pk
    left join used u on u.pool_pk = due.pk
    on conflict do nothing`;
}

/** Forgets what is older. */
export async function deleteSamples(sql: Sql, before: { readonly node: Date; readonly pool: Date }): Promise<void> {
  await sql`delete from node_sample where at < ${before.node}`;
  await sql`delete from pool_sample where at < ${before.pool}`;
}

const expressions = {
  $ActiveTasks: "active_tasks",
  $RunningTasks: "running_tasks",
  $PendingTasks: "active_tasks + running_tasks",
  $SucceededTasks: "succeeded_tasks",
  $FailedTasks: "failed_tasks",
  $TaskSlotsPerNode: "task_slots_per_node",
  $CurrentDedicatedNodes: "current_dedicated_nodes",
  $CurrentLowPriorityNodes: "current_low_priority_nodes",
  $UsableNodeCount: "usable_nodes",
  $PreemptedNodeCount: "preempted_nodes",
  $SampleNodeCount: "sample_nodes",
  $CPUPercent: "cpu",
  $WallClockSeconds: "wall_clock_seconds",
  $MemoryBytes: "memory_megabytes",
  $DiskBytes: "disk_gigabytes",
  $DiskReadBytes: "disk_read_bytes",
  $DiskWriteBytes: "disk_write_bytes",
  $DiskReadOps: "disk_read_operations",
  $DiskWriteOps: "disk_write_operations",
  $NetworkInBytes: "network_in_bytes",
  $NetworkOutBytes: "network_out_bytes",
  $ActiveSlots: "active_slots",
  $RunningSlots: "running_slots",
  $PendingSlots: "active_slots + running_slots",
  $OldestWaitSeconds: "oldest_wait_seconds",
} as const satisfies Record<SampleVariable, string>;

/** All samples of these variables of a pool up to an instant. */
export async function readPoolHistory(
  sql: Sql,
  poolPk: number,
  variables: ReadonlySet<SampleVariable>,
  { now, periodSeconds }: { readonly now: Date; readonly periodSeconds: number },
): Promise<SampleHistory> {
  const wanted = [...variables];
  if (wanted.length === 0) return { periodSeconds, samplesOf: () => [] };
  const columns = wanted.map((variable) => `json_agg(${expressions[variable]} order by at)`).join(", ");
  // A day has 2880 samples, which are cheaper as one document than as rows.
  const [row] = await sql<{ times: number[] | null; columns: number[][] }[]>`
    select json_agg((extract(epoch from at) * 1000)::bigint order by at) as times,
      json_build_array(${sql.unsafe(columns)}) as columns
    from pool_sample where pool_pk = ${poolPk} and at <= ${now}`;
  const times = row?.times ?? [];
  const series = new Map(
    wanted.map((variable, column) => [
      variable,
      times.map((at, index) => ({ at, value: row?.columns[column]?.[index] ?? 0 })),
    ]),
  );
  return { periodSeconds, samplesOf: (variable) => series.get(variable) ?? [] };
}
