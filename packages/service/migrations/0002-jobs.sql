alter table job
  -- Whether a client asked to end the job without waiting for its nodes.
  add column is_forced boolean not null default false,
  -- When to look whether all tasks are complete, apart from the moments in which one completes.
  add column completion_check_time timestamptz;

create index job_completion_check on job (completion_check_time) where completion_check_time is not null;

alter table task
  -- Slots that the present run takes of its node, when they are not the required ones.
  add column held_slots integer,
  add column first_start_time timestamptz,
  -- All runs together.
  add column wall_clock_seconds double precision not null default 0;

-- What a job has done to a node: its preparation task there, and its release task at the end of the job.
create table preparation (
  pk bigint generated always as identity primary key,
  job_pk bigint not null,
  node_pk bigint not null,
  pool_id text not null,
  node_id text collate "C" not null,
  state text not null,
  -- The run of the preparation or release task that is wanted now.
  run_id uuid,
  needs_release boolean not null default false,
  preparation_info jsonb not null,
  release_info jsonb,
  -- When the job ceases to wait for the release.
  release_deadline timestamptz,
  unique (job_pk, node_id)
);
create index preparation_of_node on preparation (node_pk);
create unique index preparation_run on preparation (run_id) where run_id is not null;

-- What the tasks of a job have used up; in several rows, so that writers on different connections do not wait for
-- each other. It outlives deleted tasks.
create table job_usage (
  job_pk bigint not null,
  shard smallint not null,
  wall_clock_seconds double precision not null default 0,
  wait_seconds double precision not null default 0,
  succeeded bigint not null default 0,
  failed bigint not null default 0,
  retries bigint not null default 0,
  primary key (job_pk, shard)
) with (fillfactor = 50);

-- The same for all jobs of an account that have been deleted.
create table account_usage (
  account_pk bigint primary key references account,
  wall_clock_seconds double precision not null default 0,
  wait_seconds double precision not null default 0,
  succeeded bigint not null default 0,
  failed bigint not null default 0,
  retries bigint not null default 0
);

-- Random bytes with which this database's servers sign.
create table secret (
  name text primary key,
  value bytea not null
);
