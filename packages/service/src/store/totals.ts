import type { Sql } from "./database.ts";

/** How many of a kind are in a state. */
export interface Total {
  readonly kind: "task" | "node" | "job" | "pool";
  readonly state: string;
  readonly total: number;
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
