import type { Sql } from "./database.ts";

/** A task of which output may be shown. */
export interface TaskToShow {
  readonly pk: number;
  readonly id: string;
  readonly key: string;
}

interface ShownPart {
  readonly jobPk: number;
  /** What ids begin with, in the spelling of keys. */
  readonly prefix: string;
  readonly limit: number;
}

/** The next completed tasks with a result, in the order of their keys, after one. */
export async function readCompletedTasks(
  sql: Sql,
  { jobPk, prefix, limit }: ShownPart,
  { result, after }: { readonly result: "success" | "failure"; readonly after: string },
): Promise<TaskToShow[]> {
  return sql<TaskToShow[]>`
    select pk, id, key from task
    where job_pk::text || ' ' || coalesce(result, state) = ${`${jobPk} ${result}`}
      and key > ${after} and key >= ${prefix} and starts_with(key, ${prefix})
    order by key limit ${limit}`;
}

/** The next tasks that run, in the order in which they were added, after one. */
export async function readRunningTasks(
  sql: Sql,
  { jobPk, prefix, limit }: ShownPart,
  after: number,
): Promise<TaskToShow[]> {
  return sql<TaskToShow[]>`
    select pk, id, key from task
    where job_pk = ${jobPk} and state = any('{preparing,running}') and pk > ${after} and starts_with(key, ${prefix})
    order by pk limit ${limit}`;
}

/** How many tasks of a job have completed. */
export async function readCompletedCount(sql: Sql, jobPk: number): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select coalesce(sum(succeeded + failed), 0)::bigint as count from task_count where job_pk = ${jobPk}`;
  return row?.count ?? 0;
}
