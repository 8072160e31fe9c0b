import type { CompletedAt } from "../domain/job/progress.ts";
import { schedulableStates } from "../domain/node/node.ts";
import type { SeriesTime } from "../domain/series/steps.ts";
import type { Sql } from "./database.ts";
import { readSeries } from "./series.ts";

/** The last samples of a job, in the order of time. */
export async function readLastJobSamples(
  sql: Sql,
  job: { readonly pk: number },
  limit: number,
): Promise<CompletedAt[]> {
  const rows = await sql<CompletedAt[]>`
    select at, succeeded + failed as completed from job_sample where job_pk = ${job.pk} order by at desc limit ${limit}`;
  return [...rows].reverse();
}

/** Where a job's figures have the tasks that succeeded, and that failed. */
const places = [3, 4];

/** How many tasks of a job were complete in each step of a time in which it came further. */
export async function readCompleted(
  sql: Sql,
  { pk }: { readonly pk: number },
  time: SeriesTime,
): Promise<CompletedAt[]> {
  const completed = new Map<number, number>();
  for (const { at, highest } of await readSeries(sql, { kind: "job", pk }, places, time))
    completed.set(at.getTime(), (completed.get(at.getTime()) ?? 0) + highest);
  return [...completed].map(([at, sum]) => ({ at: new Date(at), completed: sum }));
}

/** How many nodes take tasks in the pool of a job. */
export async function countUsableNodes(
  sql: Sql,
  job: { readonly accountPk: number; readonly poolKey: string },
): Promise<number> {
  const [row] = await sql<{ nodes: number }[]>`
    select count(*) as nodes from pool p join node n on n.pool_pk = p.pk
    where p.account_pk = ${job.accountPk} and p.key = ${job.poolKey}
      and n.state = any(${[...schedulableStates]}) and n.scheduling_state = 'enabled'`;
  return row?.nodes ?? 0;
}
