-- The latest moment at which all pools were sampled: one row.
create table pool_sampling (at timestamptz not null);
insert into pool_sampling values ('-infinity');

-- Multi-instance tasks that could run: they count as many as they have instances.
create index task_gang_ready on task (job_pk) include (instances)
  where instances is not null and state = 'active' and waiting_for = 0;
