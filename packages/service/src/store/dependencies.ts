import type { OpenDependency } from "../domain/open-dependency.ts";
import type { Task } from "../domain/task.ts";
import type { Sql } from "./database.ts";

/** How many ids, and how many integers of ranges, are looked at of a task itself, and of each that it waits for. */
const lookedAt = { own: 10_000, further: 100 } as const;
/** How many are read of a task's own, those that wait for nothing first, and how many in all. */
const maxRead = { own: 200, all: 500 } as const;

/**
 * What a task waits for, what that waits for and so on, nearest first, up to a bound in each direction, so that a
 * question costs little whatever the job. The request body says what a task depends on: no index is needed.
 */
export async function readOpenDependencies(sql: Sql, task: Task): Promise<OpenDependency[]> {
  return sql<OpenDependency[]>`
    with recursive open as (
      (
        select c.pk as child_pk, d.*
        from task c cross join lateral (${openParents(sql, lookedAt.own)}) d
        left join task p on p.pk = d.parent_pk
        where c.pk = ${task.pk}
        order by p.state is null or p.state = 'completed' desc limit ${maxRead.own}
      )
      union
      select c.pk, d.*
      from open join task c on c.pk = open.parent_pk and c.state = 'active' and c.waiting_for > 0
      cross join lateral (${openParents(sql, lookedAt.further)}) d
    ),
    nearest as materialized (select * from open limit ${maxRead.all})
    select n.*, p.id as parent_id, p.state as parent_state from nearest n left join task p on p.pk = n.parent_pk`;
}

/** Of a task `c`: each id, and each integer of its ranges, that nothing has satisfied, with each task that matches. */
const openParents = (sql: Sql, limit: number) => sql`
  select d.id as task_id, false as is_in_range, p.pk as parent_pk
  from (select jsonb_array_elements_text(c.spec #> '{dependsOn,taskIds}') as id limit ${limit}) d
  left join task p on p.job_pk = c.job_pk and p.key = lower(d.id)
  where p.is_satisfied is not true
  union all
  select d.number::text, true, p.pk
  from (
    select generate_series((r ->> 'start')::bigint, (r ->> 'end')::bigint) as number
    from jsonb_array_elements(c.spec #> '{dependsOn,taskIdRanges}') r limit ${limit}
  ) d
  left join task p on p.job_pk = c.job_pk and p.number = d.number
  where not exists (
    select from task s where s.job_pk = c.job_pk and s.number = d.number and s.is_satisfied
  )`;
