alter table task
  -- How many nodes a multi-instance task needs at once; absent for any other task.
  add column instances integer;

alter table job
  add column allow_task_preemption boolean not null default false,
  -- When the job last got nodes of a pool in which multi-instance tasks wait: jobs of equal priority take turns there.
  add column turn_time timestamptz;

create index job_preemptible on job (account_pk, pool_key) where allow_task_preemption and state = 'active';

-- The instances of multi-instance tasks that are on nodes or were there last. The primary is number 0; its run is the
-- task's own.
create table subtask (
  task_pk bigint not null,
  id integer not null,
  state text not null,
  state_transition_time timestamptz not null,
  previous_state text,
  previous_state_transition_time timestamptz,
  -- The node of the present run, and the run; absent when there is none.
  node_pk bigint,
  run_id uuid,
  node_info jsonb not null,
  -- Whether the coordination command has succeeded in the present run.
  is_coordinated boolean not null default false,
  start_time timestamptz,
  end_time timestamptz,
  exit_code integer,
  result text,
  failure_info jsonb,
  primary key (task_pk, id)
);
create index subtask_on_node on subtask (node_pk) where node_pk is not null;
create unique index subtask_run on subtask (run_id) where run_id is not null;

-- How many of the tasks are instances beside their primary, which nodes do not count.
alter type node_load add attribute subtasks integer;
