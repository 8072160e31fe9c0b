-- What the runs of a task have used together, in the order of `ResourceUse`.
alter table task add column resource_use jsonb;

-- The same for the tasks of jobs, for all of an account's jobs that are gone, and for those of a schedule.
alter table job_usage
  add column user_seconds double precision not null default 0,
  add column kernel_seconds double precision not null default 0,
  add column memory_peak double precision not null default 0,
  add column read_bytes double precision not null default 0,
  add column write_bytes double precision not null default 0,
  add column read_operations double precision not null default 0,
  add column write_operations double precision not null default 0;
alter table account_usage
  add column user_seconds double precision not null default 0,
  add column kernel_seconds double precision not null default 0,
  add column memory_peak double precision not null default 0,
  add column read_bytes double precision not null default 0,
  add column write_bytes double precision not null default 0,
  add column read_operations double precision not null default 0,
  add column write_operations double precision not null default 0;
alter table job_schedule_usage
  add column user_seconds double precision not null default 0,
  add column kernel_seconds double precision not null default 0,
  add column memory_peak double precision not null default 0,
  add column read_bytes double precision not null default 0,
  add column write_bytes double precision not null default 0,
  add column read_operations double precision not null default 0,
  add column write_operations double precision not null default 0;

-- Which part of which machines tasks have had, by day in UTC. It outlives tasks, jobs and pools; in several rows, so
-- that writers on different connections do not wait for each other.
create table task_usage (
  account_pk bigint not null,
  day date not null,
  job_key text not null,
  pool_id text not null,
  vm_size text not null,
  is_dedicated boolean not null,
  shard smallint not null,
  job_id text not null,
  -- The job's metadata, or that of its pool when it has none.
  tags jsonb not null,
  core_seconds double precision not null,
  run_seconds double precision not null,
  cpu_seconds double precision not null,
  succeeded bigint not null,
  failed bigint not null,
  primary key (account_pk, day, job_key, pool_id, vm_size, is_dedicated, shard)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
create index task_usage_day on task_usage (day);

-- A pool's metadata when its node went.
alter table node_life add column tags jsonb not null default '[]';

-- What an hour of a node costs, as an account's owner has written it.
create table price_list (
  account_pk bigint primary key references account,
  currency text not null,
  prices jsonb not null
);
