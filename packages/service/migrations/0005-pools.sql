-- Cores of a node of the pool's size: what quotas and usage are counted in.
alter table pool add column cores integer not null default 1;

alter table node
  -- How often the provider could not start the node since it was last asked for, and why.
  add column start_failures integer not null default 0,
  add column start_failure text,
  -- A leaving node may have to wait until the files of its tasks need no longer be kept.
  add column retains_data boolean not null default false,
  add column retained_until timestamptz;

-- The lives of nodes that are gone. Pools are named by what they were called, because they may be gone as well.
create table node_life (
  pk bigint generated always as identity primary key,
  account_pk bigint not null references account,
  pool_pk bigint not null,
  pool_key text collate "C" not null,
  pool_id text not null,
  vm_size text not null,
  cores integer not null,
  is_dedicated boolean not null,
  start_time timestamptz not null,
  end_time timestamptz not null
);

create index node_life_of_pool on node_life (pool_pk);
create index node_life_of_account on node_life (account_pk, end_time);

create table certificate (
  pk bigint generated always as identity primary key,
  account_pk bigint not null references account,
  -- Lower-case hexadecimal of the SHA-1 of the certificate.
  thumbprint text collate "C" not null,
  etag text not null default next_etag(),
  last_modified timestamptz not null,
  state text not null,
  state_transition_time timestamptz not null,
  previous_state text,
  previous_state_transition_time timestamptz,
  -- DER of the certificate alone, base64.
  public_data text not null,
  format text not null,
  -- What the client gave, base64, and the password of a pfx: what nodes get.
  data text not null,
  password text,
  delete_error jsonb,
  unique (account_pk, thumbprint)
);
