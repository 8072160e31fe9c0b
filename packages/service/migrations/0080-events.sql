-- The feed of events: what has changed, written in the transaction that changes it. Decision 17 says why it is so.

alter table pool add column is_auto boolean not null default false;
update pool set is_auto = true from auto_pool where auto_pool.pool_pk = pool.pk;

-- The formula that was evaluated: a pool's may change in the same transaction.
alter table auto_scale_run add column formula text;

create sequence event_id;

-- Read by every writer, so it changes seldom: where events are written to now, and until when somebody waits for them.
create table event_feed (
  only_one boolean primary key default true check (only_one),
  slot smallint not null default 0,
  watched_until timestamptz not null default '-infinity'
);
insert into event_feed default values;

-- The last position that has been given, and how many changes there have been up to it.
create table event_counter (
  only_one boolean primary key default true check (only_one),
  position bigint not null default 0,
  changes bigint not null default 0
);
insert into event_counter default values;

-- What a task was when it changed.
create type task_event as (
  id text,
  state text,
  previous_state text,
  pool_id text,
  node_id text,
  is_manager boolean,
  required_slots integer,
  instances integer,
  max_retry_count integer,
  retry_count integer,
  requeue_count integer,
  internal_retry_count integer,
  is_requeue boolean,
  is_internal_retry boolean,
  start_time timestamptz,
  end_time timestamptz,
  exit_code integer,
  result text,
  failure_info jsonb
);

-- A row for what a statement has changed, of tasks all that it changed of a job. A new row has no position.
create table event (
  id bigint not null default nextval('event_id'),
  slot smallint not null,
  position bigint,
  time timestamptz not null default clock_timestamp(),
  account_pk bigint not null,
  kind text not null,
  change text not null,
  size integer not null default 1,
  about jsonb not null,
  tasks task_event[],
  facts jsonb
) partition by list (slot);
create table event_0 partition of event for values in (0);
create table event_1 partition of event for values in (1);
create table event_2 partition of event for values in (2);
create table event_3 partition of event for values in (3);
create table event_4 partition of event for values in (4);
create table event_5 partition of event for values in (5);
create table event_6 partition of event for values in (6);
create table event_7 partition of event for values in (7);
create index event_position on event (position) where position is not null;
create index event_without_position on event (id) where position is null;

-- Since when each partition has been written to, and how many changes there had been by then; null of an empty one.
create table event_slot (
  slot smallint primary key,
  began timestamptz,
  changes bigint
);
insert into event_slot (slot) select generate_series(0, 7);
update event_slot set began = now(), changes = 0 where slot = 0;

create function tell_of_events() returns void language sql as $$
  select pg_notify('kyanite_events', '') from event_feed where watched_until > clock_timestamp()
$$;

create function write_event(account bigint, kind text, change text, about jsonb, facts jsonb)
returns void language plpgsql as $$
begin
  insert into event (slot, account_pk, kind, change, about, facts)
  select f.slot, account, write_event.kind, write_event.change, write_event.about, write_event.facts from event_feed f;
  perform tell_of_events();
end $$;

create function write_events_of_new_tasks() returns trigger language plpgsql as $$
begin
  insert into event (slot, account_pk, kind, change, size, about, tasks)
  select (select slot from event_feed), j.account_pk, 'task', 'created', added.size,
    jsonb_build_object('jobId', j.id, 'poolId', j.pool_id), added.tasks
  from (
    select job_pk, count(*) as size, array_agg((
      id, state, null, null, null, queue_rank < 0, required_slots, instances,
      (spec #>> '{constraints,maxTaskRetryCount}')::integer,
      retry_count, requeue_count, internal_retry_count, false, false, null, null, null, null, null
    )::task_event) as tasks
    from new_task group by job_pk
  ) as added
  join job j on j.pk = added.job_pk;
  if found then perform tell_of_events(); end if;
  return null;
end $$;

-- A full join, which is never done by a nested loop: its plan is made when it is not known how many rows there will be.
create function write_events_of_changed_tasks() returns trigger language plpgsql as $$
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
    where n.state is distinct from o.state
      or n.state = 'running' and (
        n.run_id is not null and n.run_id is distinct from o.run_id
        or n.instances is not null and n.retry_count > o.retry_count
      )
    group by n.job_pk
  ) as changed
  join job j on j.pk = changed.job_pk;
  if found then perform tell_of_events(); end if;
  return null;
end $$;

create function write_events_of_deleted_tasks() returns trigger language plpgsql as $$
begin
  insert into event (slot, account_pk, kind, change, size, about, tasks)
  select (select slot from event_feed), j.account_pk, 'task', 'deleted', gone.size,
    jsonb_build_object('jobId', j.id, 'poolId', j.pool_id), gone.tasks
  from (
    select job_pk, count(*) as size, array_agg((
      id, null, state, node_info ->> 'poolId', node_info ->> 'nodeId', queue_rank < 0, required_slots, instances,
      null, retry_count, requeue_count, internal_retry_count, false, false, start_time, end_time, exit_code, result, null
    )::task_event) as tasks
    from old_task group by job_pk
  ) as gone
  join job j on j.pk = gone.job_pk;
  if found then perform tell_of_events(); end if;
  return null;
end $$;

create trigger events_of_new_tasks after insert on task
  referencing new table as new_task for each statement execute function write_events_of_new_tasks();
create trigger events_of_changed_tasks after update on task
  referencing old table as old_task new table as new_task
  for each statement execute function write_events_of_changed_tasks();
create trigger events_of_deleted_tasks after delete on task
  referencing old table as old_task for each statement execute function write_events_of_deleted_tasks();

-- Other resources change one at a time, and most updates of them are no change of state: those cost nothing.

create function pool_facts(p pool) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'state', p.state, 'stateTime', p.state_transition_time,
    'allocationState', p.allocation_state, 'allocationTime', p.allocation_state_transition_time,
    'targetDedicatedNodes', p.target_dedicated_nodes, 'targetLowPriorityNodes', p.target_low_priority_nodes,
    'enableAutoScale', p.enable_auto_scale, 'nodeDeallocationOption', p.node_deallocation_option,
    'resizeErrors', p.resize_errors
  )
$$;

create function write_event_of_pool() returns trigger language plpgsql as $$
declare
  p pool;
  about jsonb;
begin
  if tg_op = 'DELETE' then p := old; else p := new; end if;
  about := jsonb_build_object(
    'poolId', p.id, 'isAutoPool', p.is_auto,
    'currentDedicatedNodes', (select count(*) from node n where n.pool_pk = p.pk and n.is_dedicated),
    'currentLowPriorityNodes', (select count(*) from node n where n.pool_pk = p.pk and not n.is_dedicated)
  );
  if tg_op = 'INSERT' then
    perform write_event(p.account_pk, 'pool', 'created', about, jsonb_build_object(
      'after', pool_facts(new), 'displayName', p.spec -> 'displayName', 'vmSize', p.vm_size,
      'imageReference', p.spec #> '{virtualMachineConfiguration,imageReference}',
      'nodeAgentId', p.spec #> '{virtualMachineConfiguration,nodeAgentSKUId}',
      'subnetId', p.spec #> '{networkConfiguration,subnetId}',
      'nodeFillType', p.spec #> '{taskSchedulingPolicy,nodeFillType}',
      'resizeTimeoutSeconds', p.resize_timeout_seconds, 'taskSlotsPerNode', p.task_slots_per_node,
      'enableInterNodeCommunication', p.enable_inter_node_communication
    ));
  elsif tg_op = 'UPDATE' then
    perform write_event(p.account_pk, 'pool', 'changed', about, jsonb_build_object(
      'before', pool_facts(old), 'after', pool_facts(new), 'hasShrunk', exists (
        select from node_life l where l.pool_pk = p.pk and l.end_time >= old.allocation_state_transition_time
      )
    ));
  else
    perform write_event(p.account_pk, 'pool', 'deleted', about, jsonb_build_object('before', pool_facts(old)));
  end if;
  return null;
end $$;

create trigger event_of_new_or_deleted_pool after insert or delete on pool
  for each row execute function write_event_of_pool();
create trigger event_of_changed_pool after update on pool
  for each row when (
    (old.state, old.allocation_state, old.target_dedicated_nodes, old.target_low_priority_nodes) is distinct from
    (new.state, new.allocation_state, new.target_dedicated_nodes, new.target_low_priority_nodes)
  ) execute function write_event_of_pool();

create function write_event_of_auto_scale() returns trigger language plpgsql as $$
begin
  perform write_event(p.account_pk, 'autoScale', 'created', jsonb_build_object('poolId', p.id),
    (new.run - 'statements') || jsonb_build_object('formula', new.formula))
  from pool p where p.pk = new.pool_pk;
  return null;
end $$;
create trigger event_of_auto_scale after insert on auto_scale_run
  for each row execute function write_event_of_auto_scale();

create function write_event_of_node() returns trigger language plpgsql as $$
declare n node;
begin
  if tg_op = 'DELETE' then n := old; else n := new; end if;
  perform write_event(
    p.account_pk, 'node', case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    jsonb_build_object('poolId', p.id, 'nodeId', n.id, 'isDedicated', n.is_dedicated),
    jsonb_build_object(
      'before', case when tg_op <> 'INSERT' then
        jsonb_build_object('state', old.state, 'schedulingState', old.scheduling_state)
      end,
      'after', case when tg_op <> 'DELETE' then
        jsonb_build_object('state', new.state, 'schedulingState', new.scheduling_state, 'errors', new.errors)
      end
    )
  ) from pool p where p.pk = n.pool_pk;
  return null;
end $$;
create trigger event_of_new_or_deleted_node after insert or delete on node
  for each row execute function write_event_of_node();
create trigger event_of_changed_node after update on node
  for each row when (old.state <> new.state or old.scheduling_state <> new.scheduling_state)
  execute function write_event_of_node();

create function write_event_of_job() returns trigger language plpgsql as $$
declare j job;
begin
  if tg_op = 'DELETE' then j := old; else j := new; end if;
  perform write_event(
    j.account_pk, 'job', case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    jsonb_build_object('jobId', j.id, 'poolId', j.pool_id, 'jobScheduleId', (
      select s.id from job_schedule s where s.pk = j.job_schedule_pk
    )),
    jsonb_build_object(
      'before', case when tg_op <> 'INSERT' then jsonb_build_object('state', old.state) end,
      'after', case when tg_op <> 'DELETE' then jsonb_build_object(
        'state', new.state, 'priority', new.priority, 'terminateReason', new.terminate_reason,
        'schedulingError', new.scheduling_error, 'endTime', new.end_time
      ) end
    )
  );
  return null;
end $$;
create trigger event_of_new_or_deleted_job after insert or delete on job
  for each row execute function write_event_of_job();
create trigger event_of_changed_job after update on job
  for each row when (old.state <> new.state) execute function write_event_of_job();

create function write_event_of_job_schedule() returns trigger language plpgsql as $$
declare s job_schedule;
begin
  if tg_op = 'DELETE' then s := old; else s := new; end if;
  perform write_event(
    s.account_pk, 'jobSchedule',
    case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    jsonb_build_object('jobScheduleId', s.id),
    jsonb_build_object(
      'before', case when tg_op <> 'INSERT' then jsonb_build_object('state', old.state) end,
      'after', case when tg_op <> 'DELETE' then jsonb_build_object('state', new.state) end
    )
  );
  return null;
end $$;
create trigger event_of_new_or_deleted_job_schedule after insert or delete on job_schedule
  for each row execute function write_event_of_job_schedule();
create trigger event_of_changed_job_schedule after update on job_schedule
  for each row when (old.state <> new.state) execute function write_event_of_job_schedule();

create function write_event_of_application() returns trigger language plpgsql as $$
declare a application;
begin
  if tg_op = 'DELETE' then a := old; else a := new; end if;
  perform write_event(
    a.account_pk, 'application',
    case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    jsonb_build_object('applicationId', a.id),
    jsonb_build_object(
      'displayName', a.display_name, 'defaultVersion', a.default_version, 'allowUpdates', a.allow_updates
    )
  );
  return null;
end $$;
create trigger event_of_application after insert or update or delete on application
  for each row execute function write_event_of_application();

create function write_event_of_package() returns trigger language plpgsql as $$
declare p application_package;
begin
  if tg_op = 'DELETE' then p := old; else p := new; end if;
  perform write_event(
    a.account_pk, 'package',
    case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    jsonb_build_object('applicationId', a.id, 'version', p.version),
    jsonb_build_object(
      'before', case when tg_op <> 'INSERT' then
        jsonb_build_object('state', case when old.content_id is null then 'pending' else 'active' end)
      end,
      'after', case when tg_op <> 'DELETE' then
        jsonb_build_object('state', case when new.content_id is null then 'pending' else 'active' end)
      end
    )
  ) from application a where a.pk = p.application_pk;
  return null;
end $$;
create trigger event_of_new_or_deleted_package after insert or delete on application_package
  for each row execute function write_event_of_package();
create trigger event_of_changed_package after update on application_package
  for each row when (old.content_id is distinct from new.content_id) execute function write_event_of_package();
