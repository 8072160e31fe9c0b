-- Of which changes of tasks the feed tells is a setting: a server enables the triggers for it when it starts.

create or replace function write_events_of_changed_tasks() returns trigger language plpgsql as $$
begin
  insert into event (slot, account_pk, kind, change, size, about, tasks)
  select (select slot from event_feed), j.account_pk, 'task', 'changed', changed.size,
    jsonb_build_object('jobId', j.id, 'poolId', j.pool_id), changed.tasks
  from (
    select n.job_pk, count(*) as size, array_agg((
      n.id, n.state, o.state, coalesce(n.node_info, o.node_info) ->> 'poolId',
      coalesce(n.node_info, o.node_info) ->> 'nodeId', n.queue_rank < 0, n.required_slots, n.instances,
      (n.spec #>> '{constraints,maxTaskRetryCount}')::integer,
      n.retry_count, n.requeue_count, n.internal_retry_count, n.requeue_count > o.requeue_count,
      n.internal_retry_count > o.internal_retry_count, n.start_time, n.end_time, n.exit_code, n.result, n.failure_info
    )::task_event) as tasks
    from new_task n full join old_task o on o.pk = n.pk
    where (
      n.state is distinct from o.state
      or n.state = 'running' and (
        n.run_id is not null and n.run_id is distinct from o.run_id
        or n.instances is not null and n.retry_count > o.retry_count
      )
    ) and (tg_nargs = 0 or n.state = 'completed' and n.result = 'failure')
    group by n.job_pk
  ) as changed
  join job j on j.pk = changed.job_pk;
  if found then perform tell_of_events(); end if;
  return null;
end $$;

create trigger events_of_failed_tasks after update on task
  referencing old table as old_task new table as new_task
  for each statement execute function write_events_of_changed_tasks('failures');
alter table task disable trigger events_of_failed_tasks;
