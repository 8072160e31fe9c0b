alter table account
  add column state text not null default 'active',
  add column subscription_id text not null default '00000000-0000-0000-0000-000000000000',
  add column resource_group text not null default 'kyanite',
  -- Name of the linked storage account.
  add column storage_account text,
  add column last_key_sync timestamptz,
  -- What the client of the management plane gave: location, tags and properties.
  add column spec jsonb not null default '{"location":"local"}';

create table application (
  pk bigint generated always as identity primary key,
  account_pk bigint not null references account,
  key text collate "C" not null,
  id text not null,
  etag text not null default next_etag(),
  display_name text,
  allow_updates boolean not null default true,
  default_version text,
  unique (account_pk, key)
);

create table application_package (
  pk bigint generated always as identity primary key,
  application_pk bigint not null references application,
  key text collate "C" not null,
  version text not null,
  etag text not null default next_etag(),
  -- The storage account and container that hold its blobs.
  storage_account text not null,
  container text not null,
  -- The blob that a client may write now; none once it is active.
  upload_id text,
  upload_expiry timestamptz,
  -- The blob that nodes get; none before the first activation.
  content_id text,
  last_activation_time timestamptz,
  unique (application_pk, key)
);

-- Blobs that nobody refers to any more; they go when nodes that were told of them have had time to fetch them.
create table blob_removal (
  pk bigint generated always as identity primary key,
  storage_account text not null,
  container text not null,
  blob text not null,
  due_time timestamptz not null
);
create index blob_removal_due on blob_removal (due_time);

alter table node
  -- The application packages of the pool as they were when this node booted.
  add column packages jsonb not null default '[]',
  -- The run that installs them, until it has ended.
  add column package_run_id uuid;
create index node_package_run on node (package_run_id) where package_run_id is not null;

-- What references to application packages mean now, in their order: a reference without a version means the default
-- one. Without `contentId` there is nothing to be installed.
create function resolved_packages(account bigint, given jsonb) returns jsonb language sql stable strict as $$
  select coalesce(jsonb_agg(jsonb_build_object(
    'applicationId', coalesce(a.id, asked.id),
    'version', coalesce(p.version, asked.version, a.default_version, ''),
    'isDefaultVersion', asked.version is null,
    'isKnown', a.pk is not null,
    'contentId', p.content_id,
    'storageAccount', p.storage_account,
    'container', p.container
  ) order by asked.place), '[]')
  from (
    select regexp_replace(reference ->> 'applicationId', '^.*/', '') as id,
      nullif(reference ->> 'version', '') as version, place
    from jsonb_array_elements(given) with ordinality as each (reference, place)
  ) as asked
  left join application a on a.account_pk = account and a.key = lower(asked.id)
  left join application_package p
    on p.application_pk = a.pk and p.key = lower(coalesce(asked.version, a.default_version))
    and p.content_id is not null
$$;
