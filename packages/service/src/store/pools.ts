import { AllocationState, type AutoScaleRun, PoolState } from "@kyanite/contract";
import type { Account } from "../domain/account/account.ts";
import type { Filter } from "../domain/filter.ts";
import type { Pool } from "../domain/pool/pool.ts";
import { asJson, type Sql } from "./database.ts";
import { type FilterColumns, filterToSql } from "./filter.ts";
import { firstBytes, type Sized } from "./page.ts";

/** A pool with the number of nodes it has, those that are leaving included, and its latest evaluation. */
export interface PoolWithNodes extends Pool {
  readonly currentDedicatedNodes: number;
  readonly currentLowPriorityNodes: number;
  readonly autoScaleRun: AutoScaleRun | null;
}

export type NewPool = Omit<Pool, "pk" | "etag">;

const equality = ["eq", "ne"] as const;

/** What `$filter` may say of pools. */
const poolFilterColumns: FilterColumns = {
  id: { column: "p.key", type: "id" },
  state: { column: "p.state", type: "state", operators: equality, values: PoolState.enum },
  stateTransitionTime: { column: "p.state_transition_time", type: "time" },
  allocationState: { column: "p.allocation_state", type: "state", operators: equality, values: AllocationState.enum },
  allocationStateTransitionTime: { column: "p.allocation_state_transition_time", type: "time" },
  creationTime: { column: "p.creation_time", type: "time" },
  lastModified: { column: "p.last_modified", type: "time" },
  vmSize: { column: "p.vm_size", type: "text", operators: equality },
  enableAutoScale: { column: "p.enable_auto_scale", type: "boolean", operators: equality },
  enableInterNodeCommunication: { column: "p.enable_inter_node_communication", type: "boolean", operators: equality },
};

/** Inserts a pool; undefined when the account has one of that id. */
export async function insertPool(sql: Sql, pool: NewPool): Promise<{ pk: number; etag: string } | undefined> {
  const [inserted] = await sql<{ pk: number; etag: string }[]>`
    insert into pool (
      account_pk, key, id, last_modified, creation_time, state, state_transition_time, allocation_state,
      allocation_state_transition_time, vm_size, cores, enable_auto_scale, enable_inter_node_communication,
      target_dedicated_nodes, target_low_priority_nodes, task_slots_per_node, spec, resize_deadline,
      resize_timeout_seconds, node_deallocation_option, is_auto
    ) values (
      ${pool.accountPk}, ${pool.key}, ${pool.id}, ${pool.lastModified}, ${pool.creationTime}, ${pool.state},
      ${pool.stateTransitionTime}, ${pool.allocationState}, ${pool.allocationStateTransitionTime}, ${pool.vmSize},
      ${pool.cores}, ${pool.enableAutoScale}, ${pool.enableInterNodeCommunication}, ${pool.targetDedicatedNodes},
      ${pool.targetLowPriorityNodes}, ${pool.taskSlotsPerNode}, ${asJson(pool.spec)}::text::jsonb,
      ${pool.resizeDeadline}, ${pool.resizeTimeoutSeconds}, ${pool.nodeDeallocationOption}, ${pool.isAuto ?? false}
    ) on conflict (account_pk, key) do nothing
    returning pk, etag`;
  return inserted;
}

export async function countPools(sql: Sql, account: Account): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*) from pool where account_pk = ${account.pk}`;
  return row?.count ?? 0;
}

export async function lockPool(sql: Sql, account: Account, id: string): Promise<Pool | undefined> {
  const [pool] = await sql<Pool[]>`
    select * from pool where account_pk = ${account.pk} and key = ${id.toLowerCase()} for no key update`;
  return pool;
}

export async function readPoolByPk(sql: Sql, pk: number): Promise<Pool | undefined> {
  const [pool] = await sql<Pool[]>`select * from pool where pk = ${pk}`;
  return pool;
}

export async function lockPoolByPk(sql: Sql, pk: number): Promise<Pool | undefined> {
  const [pool] = await sql<Pool[]>`select * from pool where pk = ${pk} for no key update`;
  return pool;
}

/** Saves what may change after creation. A client's change gets a new ETag and `lastModified`; the service's does not. */
export async function savePool(sql: Sql, pool: Pool, by: "client" | "service"): Promise<{ etag: string }> {
  const [saved] = await sql<{ etag: string }[]>`
    update pool set
      last_modified = ${pool.lastModified},
      etag = ${by === "client" ? sql`next_etag()` : sql`etag`},
      state = ${pool.state},
      state_transition_time = ${pool.stateTransitionTime},
      allocation_state = ${pool.allocationState},
      allocation_state_transition_time = ${pool.allocationStateTransitionTime},
      vm_size = ${pool.vmSize},
      cores = ${pool.cores},
      enable_auto_scale = ${pool.enableAutoScale},
      enable_inter_node_communication = ${pool.enableInterNodeCommunication},
      target_dedicated_nodes = ${pool.targetDedicatedNodes},
      target_low_priority_nodes = ${pool.targetLowPriorityNodes},
      task_slots_per_node = ${pool.taskSlotsPerNode},
      spec = ${asJson(pool.spec)}::text::jsonb,
      resize_deadline = ${pool.resizeDeadline},
      resize_timeout_seconds = ${pool.resizeTimeoutSeconds},
      node_deallocation_option = ${pool.nodeDeallocationOption},
      resize_errors = ${pool.resizeErrors ? asJson(pool.resizeErrors) : null}::text::jsonb
    where pk = ${pool.pk}
    returning etag`;
  return { etag: saved?.etag ?? pool.etag };
}

const withNodes = (sql: Sql) => sql`
  p.*,
  (select count(*)::int from node n where n.pool_pk = p.pk and n.is_dedicated) as current_dedicated_nodes,
  (select count(*)::int from node n where n.pool_pk = p.pk and not n.is_dedicated) as current_low_priority_nodes,
  (select a.run from auto_scale a where a.pool_pk = p.pk) as auto_scale_run`;

export async function readPool(sql: Sql, account: Account, id: string): Promise<PoolWithNodes | undefined> {
  const [pool] = await sql<PoolWithNodes[]>`
    select ${withNodes(sql)} from pool p where p.account_pk = ${account.pk} and p.key = ${id.toLowerCase()}`;
  return pool;
}

/** One page of pools in the order of their keys, beginning after `after`. */
export async function listPools(
  sql: Sql,
  account: Account,
  page: { filter?: Filter; after?: string; limit: number },
): Promise<Sized<PoolWithNodes>[]> {
  const rows = sql`
    select ${withNodes(sql)} from pool p
    where p.account_pk = ${account.pk} and p.key > ${page.after ?? ""}
      ${page.filter ? sql`and ${filterToSql(sql, page.filter, poolFilterColumns)}` : sql``}
    order by p.key limit ${page.limit}`;
  return sql<Sized<PoolWithNodes>[]>`${firstBytes(sql, rows, "key")}`;
}

/** Pools whose nodes are not yet what they should be. */
export async function readMovingPools(sql: Sql): Promise<Pool[]> {
  return sql<Pool[]>`select * from pool where allocation_state <> 'steady' or state = 'deleting' order by pk`;
}

export async function deletePool(sql: Sql, pk: number): Promise<void> {
  await sql`delete from pool where pk = ${pk}`;
}
