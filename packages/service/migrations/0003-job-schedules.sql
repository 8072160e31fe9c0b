create table job_schedule (
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
  do_not_run_until timestamptz,
  do_not_run_after timestamptz,
  -- Where the occurrences begin, and the last of them that a job was made for.
  first_occurrence timestamptz not null,
  last_occurrence timestamptz,
  -- From when on there may be something to do; never when null.
  wake_time timestamptz,
  -- Jobs made so far: the number of the last one.
  job_count integer not null default 0,
  end_time timestamptz,
  -- Whether a client asked to end the schedule without waiting for the nodes of its jobs.
  is_forced boolean not null default false,
  spec jsonb not null,
  unique (account_pk, key)
);

create index job_schedule_wake on job_schedule (wake_time) where wake_time is not null;
create index job_schedule_open on job_schedule (account_pk) where state not in ('completed', 'deleting');

-- The schedule that made the job.
alter table job add column job_schedule_pk bigint;
create index job_of_schedule on job (job_schedule_pk, key) where job_schedule_pk is not null;
create index unfinished_job_of_schedule on job (job_schedule_pk)
  where job_schedule_pk is not null and state <> 'completed';

-- Pools that the service made: for one job, or for all jobs of a schedule.
create table auto_pool (
  pool_pk bigint primary key references pool on delete cascade,
  job_pk bigint,
  job_schedule_pk bigint,
  -- Whether the pool stays when what it was made for ends.
  keep_alive boolean not null,
  -- What was asked for: a schedule that asks for something else gets another pool.
  specification jsonb not null,
  check ((job_pk is null) <> (job_schedule_pk is null))
);

create index auto_pool_of_job on auto_pool (job_pk) where job_pk is not null;
create index auto_pool_of_schedule on auto_pool (job_schedule_pk) where job_schedule_pk is not null;

-- What the jobs of a schedule had used up that are deleted.
create table job_schedule_usage (
  job_schedule_pk bigint primary key references job_schedule on delete cascade,
  wall_clock_seconds double precision not null default 0,
  wait_seconds double precision not null default 0,
  succeeded bigint not null default 0,
  failed bigint not null default 0,
  retries bigint not null default 0
);
