-- A host is a machine, allocation or pod that runs one agent and any number of nodes.
create table host (
  id text primary key,
  provider text not null,
  address text not null,
  capacity jsonb not null,
  labels jsonb not null,
  agent_version text not null,
  -- The server that holds its link, or held it last.
  server_id uuid not null,
  seen timestamptz not null
);

alter table node add column host_id text references host (id) on delete set null;
create index node_of_host on node (host_id);
