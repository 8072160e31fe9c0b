-- What agents have said of their nodes, by the moment the service heard it; kept for minutes, until a sample of the
-- pool has been made of it. Byte and operation counts are those since the node's last sample.
create table node_sample (
  at timestamptz not null,
  node_pk bigint not null references node on delete cascade,
  -- From 0 to 1.
  cpu double precision not null,
  memory_bytes double precision not null,
  disk_bytes double precision not null,
  disk_read_bytes double precision not null,
  disk_write_bytes double precision not null,
  disk_read_operations double precision not null,
  disk_write_operations double precision not null,
  network_in_bytes double precision not null,
  network_out_bytes double precision not null,
  primary key (at, node_pk)
);
create index node_sample_of_node on node_sample (node_pk);

-- What was measured of a pool at one moment: what the variables of autoscale formulas are.
create table pool_sample (
  pool_pk bigint not null references pool on delete cascade,
  at timestamptz not null,
  active_tasks double precision not null,
  running_tasks double precision not null,
  succeeded_tasks double precision not null,
  failed_tasks double precision not null,
  task_slots_per_node double precision not null,
  current_dedicated_nodes double precision not null,
  current_low_priority_nodes double precision not null,
  usable_nodes double precision not null,
  preempted_nodes double precision not null,
  -- Nodes of which there are samples.
  sample_nodes double precision not null,
  cpu double precision not null,
  wall_clock_seconds double precision not null,
  memory_megabytes double precision not null,
  disk_gigabytes double precision not null,
  disk_read_bytes double precision not null,
  disk_write_bytes double precision not null,
  disk_read_operations double precision not null,
  disk_write_operations double precision not null,
  network_in_bytes double precision not null,
  network_out_bytes double precision not null,
  primary key (pool_pk, at)
);
create index pool_sample_at on pool_sample using brin (at);

create index job_of_pool_in_any_state on job (account_pk, pool_key);

-- When pools evaluate their formulas, and how it went last; the formula itself is in the pool's body.
create table auto_scale (
  pool_pk bigint primary key references pool on delete cascade,
  -- When a client last turned it on or changed it; none when the pool was added with it.
  enabled_time timestamptz,
  -- None while it is off.
  due_time timestamptz,
  run jsonb
);
create index auto_scale_due on auto_scale (due_time) where due_time is not null;

-- The latest evaluations of each pool.
create table auto_scale_run (
  pk bigint generated always as identity primary key,
  pool_pk bigint not null references pool on delete cascade,
  run jsonb not null
);
create index auto_scale_run_of_pool on auto_scale_run (pool_pk, pk);
