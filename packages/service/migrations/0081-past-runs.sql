-- Runs that are over and of which there is more to know than their tasks say: that they have written something, have
-- not succeeded, or were tried again. A task that succeeds without a word has no row, and costs nothing here.

create table past_run (
  pk bigint generated always as identity primary key,
  account_pk bigint not null,
  task_pk bigint not null,
  run_id uuid not null,
  recorded_time timestamptz not null,
  node_pk bigint,
  node_info jsonb,
  start_time timestamptz,
  end_time timestamptz not null,
  -- success, failure, or interrupted: taken from its node before it had ended
  outcome text not null,
  exit_code integer,
  failure_info jsonb,
  -- What is kept of its files, in the order of their numbers; the contents of the small ones follow each other.
  files jsonb not null default '[]',
  content bytea,
  -- Whether its agent has still to say how it has ended.
  awaits_files boolean not null default false,
  bytes integer not null
);
-- What can be made smaller has been already.
alter table past_run alter column content set storage external;
create index past_run_of_task on past_run (task_pk, pk);
create index past_run_of_account on past_run (account_pk, pk);
create index past_run_that_awaits on past_run (run_id) where awaits_files;

-- A file that did not fit into its run's report: announced, and then here or in a storage account.
create table kept_log (
  run_id uuid not null,
  number smallint not null,
  past_run_pk bigint not null,
  node_pk bigint not null,
  content bytea,
  storage_account text,
  container text,
  blob text,
  etag text,
  primary key (run_id, number)
);
alter table kept_log alter column content set storage external;
create index kept_log_of_run on kept_log (past_run_pk);

-- A blob that was changed since is somebody else's, and stays.
alter table blob_removal add column etag text;

-- How much each account has in these tables, in several rows so that writers do not wait for each other.
create table past_run_size (
  account_pk bigint not null,
  shard smallint not null,
  bytes bigint not null,
  primary key (account_pk, shard)
);

create function size_past_runs() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into past_run_size as s (account_pk, shard, bytes)
    select account_pk, pg_backend_pid() % 16, sum(bytes) from new_run group by account_pk order by account_pk
    on conflict (account_pk, shard) do update set bytes = s.bytes + excluded.bytes;
  elsif tg_op = 'DELETE' then
    insert into past_run_size as s (account_pk, shard, bytes)
    select account_pk, pg_backend_pid() % 16, -sum(bytes) from old_run group by account_pk order by account_pk
    on conflict (account_pk, shard) do update set bytes = s.bytes + excluded.bytes;
  else
    insert into past_run_size as s (account_pk, shard, bytes)
    select account_pk, pg_backend_pid() % 16, sum(bytes) from (
      select account_pk, bytes from new_run union all select account_pk, -bytes from old_run
    ) as changed group by account_pk order by account_pk
    on conflict (account_pk, shard) do update set bytes = s.bytes + excluded.bytes;
  end if;
  return null;
end $$;

create trigger past_run_inserted after insert on past_run
  referencing new table as new_run for each statement execute function size_past_runs();
create trigger past_run_deleted after delete on past_run
  referencing old table as old_run for each statement execute function size_past_runs();
create trigger past_run_updated after update on past_run
  referencing old table as old_run new table as new_run for each statement execute function size_past_runs();
