-- How busy the nodes of a pool were: sums and peaks of their samples. It stays when the pool is gone, because the
-- account's lifetime statistics count it.
create table pool_load (
  pool_pk bigint primary key,
  account_pk bigint not null references account,
  samples bigint not null,
  cpu_percent double precision not null,
  memory_bytes double precision not null,
  memory_peak double precision not null,
  disk_bytes double precision not null,
  disk_peak double precision not null,
  read_operations double precision not null,
  write_operations double precision not null,
  read_bytes double precision not null,
  write_bytes double precision not null,
  in_bytes double precision not null,
  out_bytes double precision not null
);

create index pool_load_of_account on pool_load (account_pk);
