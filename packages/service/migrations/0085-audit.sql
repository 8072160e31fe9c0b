-- Who did what: a row for each answered request that could change something, and for refused strangers, counted.
-- A partition holds a day, is made before that day begins, and is dropped as a whole. No row is ever changed, and none
-- refers to another table: it outlives what it tells of.
create sequence audit_id;
create table audit (
  time timestamptz not null,
  id bigint not null default nextval('audit_id'),
  account text not null,
  plane text not null,
  operation text not null,
  resource text not null,
  credential text not null,
  principal text,
  principal_name text,
  role text,
  address text not null,
  user_agent text,
  request_id uuid not null,
  status smallint not null,
  error_code text,
  -- How many requests the row stands for.
  count integer not null
) partition by range (time);
create index audit_by_account on audit (account, time desc, id desc);
alter sequence audit_id owned by audit.id;
