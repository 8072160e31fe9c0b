-- What pools have had stays known for their account. A row whose pool_pk is minus the account's pk stands for all pools
-- that are gone, and lives of nodes that ended long ago are one number a pool.
alter table pool_load
  add column dedicated_core_seconds double precision not null default 0,
  alter column samples set default 0,
  alter column cpu_percent set default 0,
  alter column memory_bytes set default 0,
  alter column memory_peak set default 0,
  alter column disk_bytes set default 0,
  alter column disk_peak set default 0,
  alter column read_operations set default 0,
  alter column write_operations set default 0,
  alter column read_bytes set default 0,
  alter column write_bytes set default 0,
  alter column in_bytes set default 0,
  alter column out_bytes set default 0;

create index node_life_end on node_life (end_time);

-- Rows that are written all the time, or come and go. A database of the operator's own would let a fifth of a table
-- become waste before it is cleaned.
alter table node set (autovacuum_vacuum_scale_factor = 0.02);
alter table job set (autovacuum_vacuum_scale_factor = 0.02);
alter table task_count set (autovacuum_vacuum_scale_factor = 0.02);
alter table job_usage set (autovacuum_vacuum_scale_factor = 0.02);
alter table task_dependency set (autovacuum_vacuum_scale_factor = 0.02);
alter table preparation set (autovacuum_vacuum_scale_factor = 0.02);
alter table subtask set (autovacuum_vacuum_scale_factor = 0.02);
alter table directory_removal set (autovacuum_vacuum_scale_factor = 0.02);
alter table node_sample set (autovacuum_vacuum_scale_factor = 0.02);
alter table pool_sample set (autovacuum_vacuum_scale_factor = 0.02);
