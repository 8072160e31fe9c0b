-- Where events of an account are sent. How far a webhook is stands beside what became of the last request, so that
-- both are saved at once.
create table webhook (
  pk bigint generated always as identity primary key,
  account_pk bigint not null references account,
  key text not null,
  id text not null,
  creation_time timestamptz not null,
  last_modified timestamptz not null,
  -- Grows with each change that a client makes.
  revision integer not null default 1,
  url text not null,
  filter jsonb not null,
  secret text not null,
  batch_size integer not null,
  maximum_attempts integer not null,
  state text not null,
  state_reason text,
  -- The last row of the feed of which everything is settled, and how many events of the next one are.
  position bigint not null,
  events integer not null default 0,
  attempts integer not null default 0,
  next_attempt_time timestamptz,
  delivered_count bigint not null default 0,
  missed_count bigint not null default 0,
  last_missed_time timestamptz,
  consecutive_failures integer not null default 0,
  last_success_time timestamptz,
  last_failure_time timestamptz,
  last_failure text,
  unique (account_pk, key)
);

-- Events that a receiver has not taken.
create table webhook_dead_letter (
  webhook_pk bigint not null references webhook on delete cascade,
  number bigint generated always as identity,
  event jsonb not null,
  attempts integer not null,
  last_attempt_time timestamptz not null,
  error text not null,
  is_due boolean not null default false,
  primary key (webhook_pk, number)
);
create index webhook_dead_letter_due on webhook_dead_letter (webhook_pk, number) where is_due;
