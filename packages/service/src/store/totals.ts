import type { Sql } from "./database.ts";

/** How many of a kind are in a state. */
export interface Total {
  readonly kind: "task" | "node" | "job" | "pool";
  readonly state: string;
  readonly total: number;
}

/** How many nodes of an account are in a state, and how many cores they have. */
export interface NodeTotal {
  readonly account: string;
  readonly dedicated: boolean;
  readonly state: string;
  readonly nodes: number;
  readonly cores: number;
}

export async function readNodeTotals(sql: Sql): Promise<NodeTotal[]> {
  return sql<NodeTotal[]>`
    select a.name as account, n.is_dedicated as dedicated, n.state, count(*) as nodes, sum(p.cores) as cores
    from node n join pool p on p.pk = n.pool_pk join account a on a.pk = p.account_pk
    group by a.name, n.is_dedicated, n.state`;
}

/** All that exists, by kind and state. Tasks come from the counters: their number does not matter. */
export async function readTotals(sql: Sql): Promise<Total[]> {
  return sql<Total[]>`
    select 'task' as kind, c.state, coalesce(sum(c.total), 0)::bigint as total
    from task_count, lateral (
      values ('active', active), ('running', running), ('succeeded', succeeded), ('failed', failed)
    ) c (state, total) group by c.state
    union all select 'node', state, count(*) from node group by state
    union all select 'job', state, count(*) from job group by state
    union all select 'pool', allocation_state, count(*) from pool group by allocation_state`;
}
