import type { RunContainer } from "@kyanite/contract";
import { asJson, type Sql } from "./database.ts";

/**
 * Notes the containers of runs that go on, whatever they are runs of. A row that somebody holds is left to them: they
 * save its end, which has the container too.
 */
export async function noteContainers(
  sql: Sql,
  containers: readonly { readonly runId: string; readonly container: RunContainer }[],
): Promise<void> {
  const runIds = containers.map(({ runId }) => runId);
  const given = sql`jsonb_to_recordset(${asJson(containers)}::text::jsonb) as given ("runId" uuid, container jsonb)`;
  const free = (table: string, column: string) => sql`
    ${sql(table)}.${sql(column)} = given."runId" and given."runId" = any(array(
      select ${sql(column)} from ${sql(table)} where ${sql(column)} = any(${runIds}::uuid[])
      for no key update skip locked
    ))`;
  const info = sql`jsonb_build_object('containerInfo', given.container)`;
  await sql`update task set container_info = given.container from ${given} where ${free("task", "run_id")}`;
  await sql`update subtask set container_info = given.container from ${given} where ${free("subtask", "run_id")}`;
  await sql`
    update node set start_task_info = start_task_info || ${info} from ${given} where ${free("node", "start_run_id")}`;
  await sql`
    update preparation set
      preparation_info = case state when 'preparing' then preparation_info || ${info} else preparation_info end,
      release_info = case state when 'releasing' then release_info || ${info} else release_info end
    from ${given} where ${free("preparation", "run_id")}`;
}
