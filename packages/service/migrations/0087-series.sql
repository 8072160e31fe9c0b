-- How many nodes were in each state, by its name; states without a node are left out.
alter table pool_sample add column nodes_by_state jsonb not null default '{}';

-- What an account had at a moment, all its pools together, and the tasks of a job where they are others than at the
-- sample before. Nothing refers to account or job, so that sampling waits for nobody.
create table account_sample (
  account_pk bigint not null,
  at timestamptz not null,
  -- In the order of `poolMetrics`; null where nothing is known.
  figures real[] not null,
  primary key (account_pk, at)
);
create index account_sample_at on account_sample using brin (at);
create table job_sample (
  job_pk bigint not null,
  at timestamptz not null,
  active bigint not null,
  running bigint not null,
  succeeded bigint not null,
  failed bigint not null,
  primary key (job_pk, at)
);
create index job_sample_at on job_sample using brin (at);
alter table account_sample set (autovacuum_vacuum_scale_factor = 0.02);
alter table job_sample set (autovacuum_vacuum_scale_factor = 0.02);

-- Samples of accounts, pools, nodes and jobs in coarser steps, of which `at` is the beginning. A partition holds a day,
-- and is dropped as a whole. The arrays have a place for each metric: how many samples knew it, their sum, the least
-- and the most of them. Rows outlive what they tell of, and are not found any more when it is gone.
create table five_minute_sample (
  at timestamptz not null,
  kind text not null,
  subject_pk bigint not null,
  counts integer[] not null,
  totals real[] not null,
  lowest real[] not null,
  highest real[] not null,
  primary key (kind, subject_pk, at)
) partition by range (at);
create table hour_sample (
  at timestamptz not null,
  kind text not null,
  subject_pk bigint not null,
  counts integer[] not null,
  totals real[] not null,
  lowest real[] not null,
  highest real[] not null,
  primary key (kind, subject_pk, at)
) partition by range (at);

-- Up to where samples have been put together, in five minutes and in hours: one row, without times at first.
create table sample_folding (
  five_minutes_until timestamptz,
  hours_until timestamptz
);
insert into sample_folding default values;
