import type { TaskStanding } from "../domain/log/following.ts";
import type { Sql } from "./database.ts";

/** What followers have to know of tasks. */
export async function readTaskStandings(sql: Sql, pks: readonly number[]): Promise<TaskStanding[]> {
  return sql<TaskStanding[]>`
    select t.pk, t.state, t.run_id, t.retry_count + t.requeue_count + t.internal_retry_count + 1 as run,
      t.retry_count, t.requeue_count, n.pk as node_pk, t.node_info ->> 'nodeId' as node_id,
      t.exit_code, t.result, t.failure_info ->> 'code' as failure_code
    from task t left join node n on n.id = t.node_info ->> 'nodeId'
    where t.pk = any(${[...pks]})`;
}
