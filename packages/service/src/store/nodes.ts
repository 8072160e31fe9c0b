import { ComputeNodeState, type StartTask, StartTaskState, TaskExecutionResult } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import type { Filter } from "../domain/filter.ts";
import type { NodeLoad } from "../domain/node/load.ts";
import { connectedStates, type Node, nodeStatesBefore } from "../domain/node/node.ts";
import type { NodeNumbers } from "../domain/pool/auto-scale.ts";
import type { Pool } from "../domain/pool/pool.ts";
import { asJson, type Sql } from "./database.ts";
import { type FilterColumns, filterToSql } from "./filter.ts";
import { notify } from "./notices.ts";
import { firstBytes, type Sized } from "./page.ts";
import { isManager, mayTakeTasks } from "./standing.ts";

const equality = ["eq", "ne"] as const;

/** What `$filter` may say of nodes. */
const nodeFilterColumns: FilterColumns = {
  state: { column: "state", type: "state", operators: equality, values: ComputeNodeState.enum },
  stateTransitionTime: { column: "state_transition_time", type: "time" },
  lastBootTime: { column: "last_boot_time", type: "time" },
  allocationTime: { column: "allocation_time", type: "time" },
  "startTaskInfo/state": {
    column: "(start_task_info ->> 'state')",
    type: "state",
    operators: equality,
    values: StartTaskState.enum,
  },
  "startTaskInfo/result": {
    column: "(start_task_info ->> 'result')",
    type: "state",
    operators: equality,
    values: TaskExecutionResult.enum,
  },
  "startTaskInfo/exitCode": { column: "(start_task_info ->> 'exitCode')::integer", type: "integer" },
  "startTaskInfo/startTime": { column: "(start_task_info ->> 'startTime')::timestamptz", type: "time" },
  "startTaskInfo/endTime": { column: "(start_task_info ->> 'endTime')::timestamptz", type: "time" },
};

/**
 * The node whose agent presents this secret; undefined when there is none. One that is leaving is among them: it may
 * have tasks to end, and files that are read.
 */
export async function readNodeOfAgent(sql: Sql, id: string, tokenHash: string): Promise<Node | undefined> {
  const [node] = await sql<Node[]>`
    select * from node where id = ${id} and token_hash = decode(${tokenHash}, 'hex')`;
  return node;
}

export async function readNodesOfPool(sql: Sql, poolPk: number): Promise<Node[]> {
  return sql<Node[]>`select * from node where pool_pk = ${poolPk} order by id`;
}

/** The nodes of a pool on which a job manager runs. */
export async function readNodesOfManagers(sql: Sql, poolPk: number): Promise<number[]> {
  const nodes = await sql<{ pk: number }[]>`
    select n.pk from node n
    where n.pool_pk = ${poolPk} and n.running_tasks > 0 and exists (
      select from task t
      where t.node_pk = n.pk and t.state in ('preparing', 'running') and ${isManager(sql)}
    )`;
  return nodes.map(({ pk }) => pk);
}

export async function readNodeNumbers(sql: Sql, poolPk: number): Promise<NodeNumbers> {
  const [numbers] = await sql<NodeNumbers[]>`
    select count(*) filter (where is_dedicated) as current_dedicated_nodes,
      count(*) filter (where not is_dedicated) as current_low_priority_nodes
    from node where pool_pk = ${poolPk}`;
  return numbers ?? { currentDedicatedNodes: 0, currentLowPriorityNodes: 0 };
}

export async function readNodeByPk(sql: Sql, pk: number): Promise<Node | undefined> {
  const [node] = await sql<Node[]>`select * from node where pk = ${pk}`;
  return node;
}

export async function readNode(sql: Sql, pool: Pool, id: string): Promise<Node | undefined> {
  const [node] = await sql<Node[]>`select * from node where pool_pk = ${pool.pk} and id = ${id.toLowerCase()}`;
  return node;
}

/** One page of a pool's nodes in the order of their ids, beginning after `after`. */
export async function listNodes(
  sql: Sql,
  pool: Pool,
  page: { filter?: Filter; after?: string; limit: number },
): Promise<Sized<Node>[]> {
  const rows = sql`
    select *, coalesce(octet_length(start_task::text), 0) as spec_bytes from node
    where pool_pk = ${pool.pk} and id > ${page.after ?? ""}
      ${page.filter ? sql`and ${filterToSql(sql, page.filter, nodeFilterColumns)}` : sql``}
    order by id limit ${page.limit}`;
  return sql<Sized<Node>[]>`${firstBytes(sql, rows, "id")}`;
}

/** Locks nodes in the order in which everybody locks nodes. */
export async function lockNodes(sql: Sql, pks: readonly number[]): Promise<Node[]> {
  return sql<Node[]>`select * from node where pk = any(${[...pks]}::bigint[]) order by pk for no key update`;
}

/** Locks nodes so that nobody can refer to them any more: they are to be deleted. */
export async function lockNodesToDelete(sql: Sql, pks: readonly number[]): Promise<void> {
  await sql`select pk from node where pk = any(${[...pks]}::bigint[]) order by pk for update`;
}

export async function lockNodeOfRun(sql: Sql, runId: string): Promise<Node | undefined> {
  const [node] = await sql<Node[]>`
    select * from node where start_run_id = ${runId} or package_run_id = ${runId} for no key update`;
  return node;
}

export async function saveNode(sql: Sql, node: Node): Promise<void> {
  await sql`
    update node set
      state = ${node.state},
      state_transition_time = ${node.stateTransitionTime},
      scheduling_state = ${node.schedulingState},
      last_boot_time = ${node.lastBootTime},
      last_seen = ${node.lastSeen},
      ip_address = ${node.ipAddress},
      agent_version = ${node.agentVersion},
      host_id = ${node.hostId},
      start_task = ${node.startTask ? asJson(node.startTask satisfies StartTask) : null}::text::jsonb,
      start_run_id = ${node.startRunId},
      start_task_info = ${node.startTaskInfo ? asJson(node.startTaskInfo) : null}::text::jsonb,
      errors = ${node.errors ? asJson(node.errors) : null}::text::jsonb,
      pending_action = ${node.pendingAction},
      restart_id = ${node.restartId},
      setup_id = ${node.setupId},
      manages_users = ${node.managesUsers},
      packages = ${asJson(node.packages)}::text::jsonb,
      package_run_id = ${node.packageRunId},
      retains_data = ${node.retainsData},
      retained_until = ${node.retainedUntil}
    where pk = ${node.pk}`;
}

/**
 * Changes what nodes carry, in one statement. A node that gets its first task is `running`, one whose last task ends
 * is `idle`, or `offline` when its scheduling is disabled; a node in any other state keeps it.
 */
export async function changeLoad(sql: Sql, loads: readonly NodeLoad[], now: Date): Promise<void> {
  if (loads.length === 0) return;
  const changed = await sql<{ isReadyToAct: boolean }[]>`
    update node n set
      used_slots = n.used_slots + g.slots,
      running_tasks = n.running_tasks + g.tasks,
      total_tasks_run = n.total_tasks_run + greatest(0, -g.tasks - coalesce(g.uncounted, 0)),
      total_tasks_succeeded = n.total_tasks_succeeded + coalesce(g.succeeded, 0),
      recent_tasks = case
        when g.recent is null then n.recent_tasks
        else latest(n.recent_tasks || g.recent, ${mostRecentTasks})
      end,
      state = next.state,
      state_transition_time = case when next.state = n.state then n.state_transition_time else ${now} end
    from jsonb_populate_recordset(
      null::node_load, ${asJson(loads.map(({ nodePk, ...load }) => ({ node_pk: nodePk, ...load })))}::text::jsonb
    ) as g
    join (
      -- Everybody locks nodes in this order.
      select * from node where pk = any(${loads.map(({ nodePk }) => nodePk)}::bigint[]) order by pk for no key update
    ) as old on old.pk = g.node_pk
    cross join lateral (
      select case
        when old.state not in ('idle', 'running') then old.state
        when old.running_tasks + g.tasks > 0 then 'running'
        when old.scheduling_state = 'disabled' then 'offline'
        else 'idle'
      end as state
    ) as next
    where n.pk = g.node_pk
    returning n.pending_action is not null and n.running_tasks = 0 as is_ready_to_act`;
  if (changed.some(({ isReadyToAct }) => isReadyToAct)) await notify(sql, "nodes");
}

/** How many of the tasks that it has run a node remembers. */
const mostRecentTasks = 10;

/** Nodes whose tasks have ended and that have something to do then, whether or not it is time already. */
export async function readNodesReadyToAct(sql: Sql): Promise<Node[]> {
  return sql<Node[]>`
    select * from node
    where pending_action in ('reboot', 'reimage', 'deallocate') and running_tasks = 0 order by pk limit 1000`;
}

/**
 * Nodes that their provider has to stop: those that are being released, and those that restart without their agent
 * being asked to.
 */
export async function readNodesToHalt(sql: Sql): Promise<Node[]> {
  return sql<Node[]>`
    select * from node
    where state = 'deallocating' or state in ('rebooting', 'reimaging') and restart_id is null order by pk`;
}

/** Nodes that their provider has ended are released. */
export async function releaseNodes(sql: Sql, ids: readonly string[], now: Date): Promise<void> {
  await sql`
    update node set state = 'deallocated', state_transition_time = ${now}
    where id = any(${[...ids]}) and state = any(${nodeStatesBefore("deallocated")})`;
}

/** Nodes that their provider has ended for a restart: from here on it is their agents' to say that they are back. */
export async function saveRestarts(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql`
    update node set restart_id = gen_random_uuid()
    where id = any(${[...ids]}) and state in ('rebooting', 'reimaging') and restart_id is null`;
}

/** What a connected agent has still to do so that its node becomes what it should be. */
export interface NodeDuty {
  readonly pk: number;
  readonly state: Node["state"];
  readonly restartId: string | null;
  readonly setupId: string | null;
  /** Whether directories are to be removed from it. */
  readonly hasRemovals: boolean;
}

export async function readDuties(sql: Sql, pks: readonly number[]): Promise<NodeDuty[]> {
  return sql<NodeDuty[]>`
    select pk, state, restart_id, setup_id, exists (
      select from directory_removal r where r.node_pk = node.pk
    ) as has_removals
    from node where pk = any(${[...pks]}::bigint[])`;
}

/** Nodes that cannot come back by themselves: silent, or not heard of since they were to restart, before an instant. */
export async function nodesToHeal(sql: Sql, since: Date): Promise<Node[]> {
  return sql<Node[]>`
    select * from node
    where state in ('unknown', 'rebooting', 'reimaging') and state_transition_time < ${since}
    order by pk limit 1000`;
}

/**
 * Notes that these nodes have just been heard of, but for those that somebody is changing at the moment.
 * @returns the nodes for which it is noted
 */
export async function touchNodes(sql: Sql, pks: readonly number[], now: Date): Promise<number[]> {
  const touched = await sql<{ pk: number }[]>`
    update node set last_seen = ${now} where pk in (
      select pk from node where pk = any(${[...pks]}::bigint[]) for no key update skip locked
    )
    returning pk`;
  return touched.map(({ pk }) => pk);
}

/** Nodes that ought to be connected, leaving ones with tasks among them, and have not been heard of since an instant. */
export async function nodesSilentSince(sql: Sql, instant: Date): Promise<Node[]> {
  return sql<Node[]>`
    select * from node
    where last_seen < ${instant}
      and (state = any(${[...connectedStates]}) or state = 'leavingpool' and running_tasks > 0)
    order by pk limit 1000`;
}

/** What a node can still take. */
export interface NodeRoom {
  readonly pk: number;
  readonly slots: number;
  readonly freeSlots: number;
}

/** A node that may take tasks, and what it can still take. */
export interface NodeRoom {
  readonly pk: number;
  readonly id: string;
  readonly poolId: string;
  readonly slots: number;
  readonly freeSlots: number;
}

/** Which of these nodes may take tasks; they stay so until the transaction ends. */
export async function lockNodesForPlacement(sql: Sql, pks: readonly number[]): Promise<NodeRoom[]> {
  return sql<NodeRoom[]>`
    select n.pk, n.id, (select p.id from pool p where p.pk = n.pool_pk) as pool_id, n.slots,
      n.slots - n.used_slots as free_slots
    from node n
    where n.pk = any(${[...pks]}::bigint[]) and ${mayTakeTasks(sql)}
    order by n.pk for no key update`;
}

/**
 * Asks the agents of nodes to remove a directory; of a node that is gone nothing is asked.
 * @returns the nodes that were asked
 */
export async function insertDirectoryRemovals(
  sql: Sql,
  nodeIds: readonly string[],
  directory: string,
): Promise<number[]> {
  const nodes = await sql<{ nodePk: number }[]>`
    with present as (select pk from node where id = any(${[...nodeIds]}::text[]) order by pk for key share)
    insert into directory_removal (node_pk, directory)
    select pk, ${directory} from present
    where not exists (select from directory_removal r where r.node_pk = present.pk and r.directory = ${directory})
    returning node_pk`;
  return nodes.map(({ nodePk }) => nodePk);
}

/** Directories that agents should remove; they are forgotten when the transaction commits. */
export async function takeDirectoryRemovals(
  sql: Sql,
  nodePks: readonly number[],
): Promise<{ nodePk: number; directory: string }[]> {
  if (nodePks.length === 0) return [];
  return sql<{ nodePk: number; directory: string }[]>`
    delete from directory_removal where node_pk = any(${[...nodePks]}::bigint[]) returning node_pk, directory`;
}

/** How many nodes of each kind and state a pool has. */
export interface PoolCounts {
  readonly poolId: string;
  readonly poolKey: string;
  readonly counts: readonly { readonly state: Node["state"]; readonly isDedicated: boolean; readonly nodes: number }[];
}

/** What `$filter` may say of node counts. */
const nodeCountFilterColumns: FilterColumns = { poolId: { column: "p.key", type: "id", operators: ["eq"] } };

/** One page of pools with their node counts, in the order of their keys; pools without nodes are among them. */
export async function listNodeCounts(
  sql: Sql,
  account: Account,
  page: { filter?: Filter; after?: string; limit: number },
): Promise<PoolCounts[]> {
  return sql<PoolCounts[]>`
    select p.id as pool_id, p.key as pool_key, coalesce((
      select jsonb_agg(jsonb_build_object('state', c.state, 'isDedicated', c.is_dedicated, 'nodes', c.nodes))
      from (
        select n.state, n.is_dedicated, count(*) as nodes from node n where n.pool_pk = p.pk group by 1, 2
      ) c
    ), '[]') as counts
    from pool p
    where p.account_pk = ${account.pk} and p.key > ${page.after ?? ""}
      ${page.filter ? sql`and ${filterToSql(sql, page.filter, nodeCountFilterColumns)}` : sql``}
    order by p.key limit ${page.limit}`;
}

export async function readNodeById(sql: Sql, id: string): Promise<Node | undefined> {
  const [node] = await sql<Node[]>`select * from node where id = ${id}`;
  return node;
}
