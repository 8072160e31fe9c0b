-- Accounts of people on a node, as clients asked for them. Of a password only a hash is kept, as the node needs it.
create table node_user (
  node_pk bigint not null references node on delete cascade,
  name text collate "C" not null,
  is_admin boolean not null,
  password_hash text,
  ssh_public_key text,
  expiry_time timestamptz not null,
  primary key (node_pk, name)
);
create index node_user_expiry on node_user (expiry_time);

-- Whether the node's agent may make accounts on its machine.
alter table node add column manages_users boolean not null default false;
