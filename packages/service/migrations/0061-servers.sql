-- A server that runs. Each keeps its own row as long as it does.
create table server (
  id uuid primary key,
  -- Host and port at which other servers reach it.
  address text not null,
  seen timestamptz not null
);
