-- Counts changes of tasks group by group instead of row by row. A join of the rows before and after a statement would
-- be planned once, for as few rows as the first statement happened to change, and be quadratic for one that changes
-- thousands.

create or replace function count_updated_tasks() returns trigger language plpgsql as $$
begin
  perform add_to_task_count(array_agg((total, job_pk, state, result, required_slots)::task_change)) from (
    select sum(sign)::integer as total, job_pk, state, result, required_slots from (
      select 1 as sign, job_pk, state, result, required_slots from new_task
      union all
      select -1, job_pk, state, result, required_slots from old_task
    ) as rows
    group by job_pk, state, result, required_slots
    having sum(sign) <> 0
  ) as changes;
  return null;
end $$;

create or replace function count_inserted_tasks() returns trigger language plpgsql as $$
begin
  perform add_to_task_count(array_agg((total, job_pk, state, result, required_slots)::task_change)) from (
    select count(*)::integer as total, job_pk, state, result, required_slots from new_task
    group by job_pk, state, result, required_slots
  ) as changes;
  return null;
end $$;

create or replace function count_deleted_tasks() returns trigger language plpgsql as $$
begin
  perform add_to_task_count(array_agg((total, job_pk, state, result, required_slots)::task_change)) from (
    select -count(*)::integer as total, job_pk, state, result, required_slots from old_task
    group by job_pk, state, result, required_slots
  ) as changes;
  return null;
end $$;
