import type { Job } from "../domain/job/job.ts";
import type { NewTask } from "../domain/task/new-task.ts";
import type { OpenDependency } from "../domain/task/open-dependency.ts";
import type { Task } from "../domain/task/task.ts";
import { asJson, type Sql } from "./database.ts";

/** Notes what new tasks wait for, and that some of it is satisfied already. */
export async function insertDependencies(
  sql: Sql,
  job: Job,
  tasks: readonly NewTask[],
  inserted: readonly { readonly pk: number; readonly key: string }[],
): Promise<void> {
  const pks = new Map(inserted.map(({ key, pk }) => [key, pk]));
  const children = tasks.flatMap((task) => {
    const pk = pks.get(task.key);
    const isWaiting = task.parentKeys.length > 0 || task.parentRanges.length > 0;
    return pk !== undefined && isWaiting ? [{ pk, ...task }] : [];
  });
  if (children.length === 0) return;
  const single = children.flatMap(({ pk, parentKeys }) => parentKeys.map((parent) => ({ pk, parent })));
  const ranges = children.flatMap(({ pk, parentRanges }) =>
    parentRanges.map(({ start, end }) => ({ pk, from: start, to: end })),
  );
  await sql`
    insert into task_dependency (job_pk, parent_key, child_pk)
    select ${job.pk}, parent, pk from jsonb_to_recordset(${asJson(single)}::text::jsonb) as d (parent text, pk bigint)`;
  await sql`
    insert into task_dependency_range (job_pk, range_start, range_end, child_pk)
    select ${job.pk}, "from", "to", pk
    from jsonb_to_recordset(${asJson(ranges)}::text::jsonb) as d ("from" bigint, "to" bigint, pk bigint)`;
  await sql`
    with satisfied as (
      select d.child_pk, count(*) as parents
      from task_dependency d join task p on p.job_pk = d.job_pk and p.key = d.parent_key and p.is_satisfied
      where d.job_pk = ${job.pk} and d.child_pk = any(${children.map(({ pk }) => pk)}::bigint[])
      group by d.child_pk
      union all
      select r.child_pk, count(distinct p.number)
      from task_dependency_range r
      join task p on p.job_pk = r.job_pk and p.number between r.range_start and r.range_end and p.is_satisfied
      where r.job_pk = ${job.pk} and r.child_pk = any(${children.map(({ pk }) => pk)}::bigint[])
      group by r.child_pk
    )
    update task set waiting_for = waiting_for - s.parents
    from (select child_pk, sum(parents)::int as parents from satisfied group by child_pk) s
    where task.pk = s.child_pk`;
}

/**
 * Lets the tasks go on that wait for these, which have just become satisfied: one less to wait for, for each task id
 * and each integer of a range that is satisfied for the first time.
 */
export async function releaseDependents(sql: Sql, parents: readonly Task[]): Promise<void> {
  const jobPks = [...new Set(parents.map(({ jobPk }) => jobPk))];
  const pks = parents.map(({ pk }) => pk);
  // Whoever adds tasks to such a job holds its row; waiting here makes the new tasks' dependencies visible.
  await sql`select pk from job where pk = any(${jobPks}::bigint[]) order by pk for share`;
  await sql`
    with parent as (select pk, job_pk, key, number from task where pk = any(${pks}::bigint[])),
    released as (
      select d.child_pk, count(*) as parents
      from task_dependency d join parent p on p.job_pk = d.job_pk and p.key = d.parent_key
      group by d.child_pk
      union all
      select r.child_pk, count(distinct p.number)
      from parent p
      join task_dependency_range r on r.job_pk = p.job_pk and p.number between r.range_start and r.range_end
      where not exists (
        select from task other
        where other.job_pk = p.job_pk and other.number = p.number and other.is_satisfied
          and other.pk <> all(${pks}::bigint[])
      )
      group by r.child_pk
    )
    update task set waiting_for = waiting_for - s.parents
    from (select child_pk, sum(parents)::int as parents from released group by child_pk) s
    where task.pk = s.child_pk and task.waiting_for > 0`;
}

/**
 * Lets tasks that still wait for others wait for this one again, which is about to be deleted and had satisfied them.
 * Those that wait for nothing any more are not affected.
 */
export async function withdrawFromDependents(sql: Sql, parent: Task): Promise<void> {
  await sql`select pk from job where pk = ${parent.jobPk} for no key update`;
  await sql`
    with parent as (select pk, job_pk, key, number from task where pk = ${parent.pk}),
    withdrawn as (
      select d.child_pk from task_dependency d join parent p on p.job_pk = d.job_pk and p.key = d.parent_key
      union all
      select r.child_pk
      from parent p
      join task_dependency_range r on r.job_pk = p.job_pk and p.number between r.range_start and r.range_end
      where not exists (
        select from task other
        where other.job_pk = p.job_pk and other.number = p.number and other.is_satisfied and other.pk <> p.pk
      )
    )
    update task set waiting_for = waiting_for + s.parents
    from (select child_pk, count(*)::int as parents from withdrawn group by child_pk) s
    where task.pk = s.child_pk and task.waiting_for > 0`;
}

/** Forgets what these tasks waited for. */
export async function deleteDependencies(sql: Sql, jobPk: number, pks: readonly number[]): Promise<void> {
  await sql`delete from task_dependency where job_pk = ${jobPk} and child_pk = any(${[...pks]}::bigint[])`;
  await sql`delete from task_dependency_range where job_pk = ${jobPk} and child_pk = any(${[...pks]}::bigint[])`;
}

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
