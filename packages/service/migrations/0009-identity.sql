-- The key with which the local issuer signs tokens: one for all servers on this database.
create table issuer_key (
  only_one boolean primary key default true check (only_one),
  kid text not null,
  private_key jsonb not null,
  creation_time timestamptz not null
);

-- A program that signs in with an id and a secret of its own.
create table service_principal (
  client_id uuid primary key,
  name text not null unique,
  -- SHA-256 of the secret, which is long and random.
  secret_hash bytea not null,
  role text not null,
  -- The only account it may use; all of them when null.
  account_name text,
  creation_time timestamptz not null
);
