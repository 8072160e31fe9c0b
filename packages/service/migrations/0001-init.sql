-- Names are compared without case and kept as they were given: `id` is what the client wrote, `key` is its lower-case
-- form, ordered byte by byte so that it can be the place where a page of a list ends.

create sequence etag_number as bigint start 1;

-- An ETag of the form clients know, different at every call.
create function next_etag() returns text language sql volatile as
  $$ select '0x8' || upper(lpad(to_hex(nextval('etag_number')), 14, '0')) $$;

create table account (
  pk bigint generated always as identity primary key,
  name text not null unique,
  keys text[] not null,
  creation_time timestamptz not null
);

create table pool (
  pk bigint generated always as identity primary key,
  account_pk bigint not null references account,
  key text collate "C" not null,
  id text not null,
  etag text not null default next_etag(),
  last_modified timestamptz not null,
  creation_time timestamptz not null,
  state text not null,
  state_transition_time timestamptz not null,
  allocation_state text not null,
  allocation_state_transition_time timestamptz not null,
  vm_size text not null,
  enable_auto_scale boolean not null,
  enable_inter_node_communication boolean not null,
  target_dedicated_nodes integer not null,
  target_low_priority_nodes integer not null,
  task_slots_per_node integer not null,
  spec jsonb not null,
  -- The resize under way or the last one: its deadline and what becomes of tasks on nodes that leave.
  resize_deadline timestamptz,
  resize_timeout_seconds double precision not null,
  node_deallocation_option text not null default 'requeue',
  resize_errors jsonb,
  unique (account_pk, key)
);

create table node (
  pk bigint generated always as identity primary key,
  pool_pk bigint not null references pool,
  id text collate "C" not null unique,
  state text not null,
  state_transition_time timestamptz not null,
  scheduling_state text not null default 'enabled',
  is_dedicated boolean not null,
  -- SHA-256 of the secret with which the node's agent presents itself; none before a provider has made the node.
  token_hash bytea,
  allocation_time timestamptz not null,
  last_boot_time timestamptz,
  last_seen timestamptz,
  ip_address text,
  agent_version text,
  slots integer not null,
  used_slots integer not null default 0,
  running_tasks integer not null default 0,
  total_tasks_run integer not null default 0,
  total_tasks_succeeded integer not null default 0,
  -- The start task as this node knows it, the run of it that is wanted now, and how it went.
  start_task jsonb,
  start_run_id uuid,
  start_task_info jsonb,
  errors jsonb,
  check (used_slots >= 0 and running_tasks >= 0)
) with (fillfactor = 70);

create index node_of_pool on node (pool_pk, id);
create index node_start_run on node (start_run_id) where start_run_id is not null;

create table job (
  pk bigint generated always as identity primary key,
  account_pk bigint not null references account,
  key text collate "C" not null,
  id text not null,
  etag text not null default next_etag(),
  last_modified timestamptz not null,
  creation_time timestamptz not null,
  state text not null,
  state_transition_time timestamptz not null,
  previous_state text,
  previous_state_transition_time timestamptz,
  -- The pool the job runs on now, which need not exist.
  pool_key text collate "C" not null,
  pool_id text not null,
  priority integer not null,
  max_parallel_tasks integer not null,
  uses_task_dependencies boolean not null,
  on_all_tasks_complete text not null,
  on_task_failure text not null,
  -- What to do with running tasks while the job is being disabled.
  disable_tasks text,
  wall_clock_end timestamptz,
  start_time timestamptz not null,
  end_time timestamptz,
  terminate_reason text,
  scheduling_error jsonb,
  spec jsonb not null,
  unique (account_pk, key)
);

create index job_of_pool on job (account_pk, pool_key, priority desc, pk) where state = 'active';
create index job_moving on job (state) where state in ('disabling', 'enabling', 'terminating', 'deleting');
create index job_wall_clock on job (wall_clock_end) where wall_clock_end is not null;

create table task (
  pk bigint generated always as identity primary key,
  job_pk bigint not null,
  key text collate "C" not null,
  id text not null,
  -- The id as an integer, when it is one: what ranges of dependencies match.
  number bigint,
  etag text not null default next_etag(),
  last_modified timestamptz not null,
  creation_time timestamptz not null,
  state text not null,
  state_transition_time timestamptz not null,
  previous_state text,
  previous_state_transition_time timestamptz,
  -- Smaller goes first within a job.
  queue_rank smallint not null default 0,
  required_slots integer not null,
  -- Dependencies that are not satisfied yet; the task is out of the queue until there are none.
  waiting_for integer not null default 0,
  -- Whether tasks that depend on this one may go on.
  is_satisfied boolean not null default false,
  retry_count integer not null default 0,
  last_retry_time timestamptz,
  requeue_count integer not null default 0,
  last_requeue_time timestamptz,
  internal_retry_count integer not null default 0,
  start_time timestamptz,
  end_time timestamptz,
  exit_code integer,
  result text,
  failure_info jsonb,
  -- The node of the present run, and the run; absent when there is none.
  node_pk bigint,
  run_id uuid,
  -- Where the last run was, kept when the node is gone.
  node_info jsonb,
  spec jsonb not null,
  unique (job_pk, key)
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

create index task_ready on task (job_pk, queue_rank, pk) include (required_slots) where state = 'active' and waiting_for = 0;
create index task_on_node on task (node_pk) where state in ('preparing', 'running');
create index task_running on task (job_pk, pk) where state in ('preparing', 'running');
create index task_run on task (run_id) where run_id is not null;
create index task_number on task (job_pk, number) where number is not null;

create table task_dependency (
  job_pk bigint not null,
  parent_key text collate "C" not null,
  child_pk bigint not null,
  primary key (job_pk, parent_key, child_pk)
);

create table task_dependency_range (
  job_pk bigint not null,
  range_start bigint not null,
  range_end bigint not null,
  child_pk bigint not null,
  primary key (job_pk, child_pk, range_start, range_end)
);

-- A directory that an agent shall remove, because its task is gone.
create table directory_removal (
  pk bigint generated always as identity primary key,
  node_pk bigint not null references node on delete cascade,
  directory text not null
);
create index directory_removal_of_node on directory_removal (node_pk);

-- Tasks per job by what has become of them: exact, because the triggers below keep it in the same transaction as the
-- tasks themselves; in several rows, so that writers on different connections do not wait for each other.
create table task_count (
  job_pk bigint not null,
  shard smallint not null,
  active bigint not null default 0,
  running bigint not null default 0,
  succeeded bigint not null default 0,
  failed bigint not null default 0,
  active_slots bigint not null default 0,
  running_slots bigint not null default 0,
  succeeded_slots bigint not null default 0,
  failed_slots bigint not null default 0,
  primary key (job_pk, shard)
) with (fillfactor = 50);

create type task_change as (sign integer, job_pk bigint, state text, result text, required_slots integer);

create function add_to_task_count(changes task_change[]) returns void language sql as $$
  insert into task_count as c (
    job_pk, shard, active, running, succeeded, failed, active_slots, running_slots, succeeded_slots, failed_slots
  )
  select job_pk, pg_backend_pid() % 16,
    coalesce(sum(sign) filter (where state = 'active'), 0),
    coalesce(sum(sign) filter (where state in ('preparing', 'running')), 0),
    coalesce(sum(sign) filter (where state = 'completed' and result = 'success'), 0),
    coalesce(sum(sign) filter (where state = 'completed' and result is distinct from 'success'), 0),
    coalesce(sum(sign * required_slots) filter (where state = 'active'), 0),
    coalesce(sum(sign * required_slots) filter (where state in ('preparing', 'running')), 0),
    coalesce(sum(sign * required_slots) filter (where state = 'completed' and result = 'success'), 0),
    coalesce(sum(sign * required_slots) filter (where state = 'completed' and result is distinct from 'success'), 0)
  from unnest(changes)
  group by job_pk
  order by job_pk
  on conflict (job_pk, shard) do update set
    active = c.active + excluded.active,
    running = c.running + excluded.running,
    succeeded = c.succeeded + excluded.succeeded,
    failed = c.failed + excluded.failed,
    active_slots = c.active_slots + excluded.active_slots,
    running_slots = c.running_slots + excluded.running_slots,
    succeeded_slots = c.succeeded_slots + excluded.succeeded_slots,
    failed_slots = c.failed_slots + excluded.failed_slots
$$;

create function count_inserted_tasks() returns trigger language plpgsql as $$
begin
  perform add_to_task_count(array_agg((1, job_pk, state, result, required_slots)::task_change)) from new_task;
  return null;
end $$;

create function count_updated_tasks() returns trigger language plpgsql as $$
begin
  perform add_to_task_count(array_agg(change)) from (
    select (1, n.job_pk, n.state, n.result, n.required_slots)::task_change as change
    from new_task n join old_task o using (pk)
    where (n.state, n.result) is distinct from (o.state, o.result)
    union all
    select (-1, o.job_pk, o.state, o.result, o.required_slots)::task_change
    from new_task n join old_task o using (pk)
    where (n.state, n.result) is distinct from (o.state, o.result)
  ) as changes;
  return null;
end $$;

create function count_deleted_tasks() returns trigger language plpgsql as $$
begin
  perform add_to_task_count(array_agg((-1, job_pk, state, result, required_slots)::task_change)) from old_task;
  return null;
end $$;

create trigger count_inserted_tasks after insert on task
  referencing new table as new_task for each statement execute function count_inserted_tasks();
create trigger count_updated_tasks after update on task
  referencing new table as new_task old table as old_task for each statement execute function count_updated_tasks();
create trigger count_deleted_tasks after delete on task
  referencing old table as old_task for each statement execute function count_deleted_tasks();

-- What a set of nodes gains or loses at once.
create type node_load as (node_pk bigint, slots integer, tasks integer, succeeded integer);
