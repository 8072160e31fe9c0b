import type { Sql } from "./database.ts";

/** Whether the node `n` may be given tasks, if it has room. */
export const mayTakeTasks = (sql: Sql) =>
  sql`n.state in ('idle', 'running') and n.scheduling_state = 'enabled' and n.pending_action is null`;

/** Whether the task `t` is its job's manager: no other task has a rank before that of all others. */
export const isManager = (sql: Sql) => sql`t.queue_rank < 0`;
