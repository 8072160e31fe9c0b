import type { OpenDependency } from "../domain/open-dependency.ts";
import type { Task } from "../domain/task.ts";
import type { Sql } from "./database.ts";

/** How many ids, and how many integers of ranges, are looked at of a task itself, and of each that it waits for. */
const lookedAt = { own: 2_000, further: 100 } as const;
/** How many are read of a task's own, those that wait for nothing first, and how many in all. */
const maxRead = { own: 200, all: 500 } as const;

/**
 * What a task waits for, what that waits for and so on, nearest first, up to a bound in each direction. The request
 * body says what a task depends on: no index is needed. Each task is looked up by itself, with a limit: as a join, it
 * might read all tasks there are.
 */
export async function readOpenDependencies(sql: Sql, task: Task): Promise<OpenDependency[]> {
  return sql<OpenDependency[]>`
    with recursive open as (
      (
        select c.pk as child_pk, d.*
        from task c cross join lateral (${openParents(sql, lookedAt.own)}) d
        where c.pk = ${task.pk}
        order by d.parent_state is null or d.parent_state = 'completed' desc limit ${maxRead.own}
      )
      union
      select c.pk, d.*
      from open
      cross join lateral (
        select pk, job_pk, spec from task where pk = open.parent_pk and state = 'active' and waiting_for > 0 limit 1
      ) c
      cross join lateral (${openParents(sql, lookedAt.further)}) d
    )
    select * from open limit ${maxRead.all}`;
}

/** Tasks that match one integer, such as 4, 04 and 004, and are looked at. */
const maxAlike = 10;

/** Of a task `c`: each id, and each integer of its ranges, that nothing has satisfied, with each task that matches. */
const openParents = (sql: Sql, limit: number) => sql`
  select d.id as task_id, false as is_in_range, p.pk as parent_pk, p.id as parent_id, p.state as parent_state
  from (select jsonb_array_elements_text(c.spec #> '{dependsOn,taskIds}') as id limit ${limit}) d
  left join lateral (
    select pk, id, state, is_satisfied from task where job_pk = c.job_pk and key = lower(d.id) limit 1
  ) p on true
  where p.is_satisfied is not true
  union all
  select d.number::text, true, p.pk, p.id, p.state
  from (
    select generate_series((r ->> 'start')::bigint, (r ->> 'end')::bigint) as number
    from jsonb_array_elements(c.spec #> '{dependsOn,taskIdRanges}') r limit ${limit}
  ) d
  left join lateral (
    select pk, id, state from task where job_pk = c.job_pk and number = d.number limit ${maxAlike}
  ) p on true
  where (select true from task where job_pk = c.job_pk and number = d.number and is_satisfied limit 1) is null`;
