import type { RunContainer } from "@kyanite/contract";
import { asJson, type Sql } from "./database.ts";

/**
 * Notes the containers of runs that go on, whatever they are runs of. A row that somebody holds is left to them: they
 * may be saving the run's end, which has the container too.
 * @returns the ids of the runs whose rows were held
 */
export async function noteContainers(
  sql: Sql,
  containers: readonly { readonly runId: string; readonly container: RunContainer }[],
): Promise<readonly string[]> {
  const runIds = containers.map(({ runId }) => runId);
  const given = sql`jsonb_to_recordset(${asJson(containers)}::text::jsonb) as given ("runId" uuid, container jsonb)`;
  const free = (table: string, column: string) => sql`
    ${sql(table)}.${sql(column)} = given."runId" and given."runId" = any(array(
      select ${sql(column)} from ${sql(table)} where ${sql(column)} = any(${runIds}::uuid[])
      for no key update skip locked
    )) returning given."runId"`;
  const info = sql`jsonb_build_object('containerInfo', given.container)`;
  const noted = [
    await sql<NotedRun[]>`
      update task set container_info = given.container from ${given} where ${free("task", "run_id")}`,
    await sql<NotedRun[]>`
      update subtask set container_info = given.container from ${given} where ${free("subtask", "run_id")}`,
    await sql<NotedRun[]>`
      update node set start_task_info = start_task_info || ${info} from ${given} where ${free("node", "start_run_id")}`,
    await sql<NotedRun[]>`
      update preparation set
        preparation_info = case state when 'preparing' then preparation_info || ${info} else preparation_info end,
        release_info = case state when 'releasing' then release_info || ${info} else release_info end
      from ${given} where ${free("preparation", "run_id")}`,
  ].flat();
  const isNoted = new Set(noted.map(({ runId }) => runId));
  return stillThere(
    sql,
    runIds.filter((runId) => !isNoted.has(runId)),
  );
}

interface NotedRun {
  readonly runId: string;
}

/** Those of the runs that go on: a row forgets its run when that ends. */
async function stillThere(sql: Sql, runIds: readonly string[]): Promise<readonly string[]> {
  if (runIds.length === 0) return [];
  const ids = sql`${[...runIds]}::uuid[]`;
  const found = await sql<NotedRun[]>`
    select run_id from task where run_id = any(${ids})
    union select run_id from subtask where run_id = any(${ids})
    union select start_run_id from node where start_run_id = any(${ids})
    union select run_id from preparation where run_id = any(${ids})`;
  return found.map(({ runId }) => runId);
}
