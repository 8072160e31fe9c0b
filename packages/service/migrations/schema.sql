-- What all migrations together make, to be read; nothing runs it.
-- Written by `npm run docs:schema`.

create table account (
  pk bigint generated always as identity not null,
  name text not null,
  keys text[] not null,
  creation_time timestamp with time zone not null,
  state text default 'active'::text not null,
  subscription_id text default '00000000-0000-0000-0000-000000000000'::text not null,
  resource_group text default 'kyanite'::text not null,
  storage_account text,
  last_key_sync timestamp with time zone,
  spec jsonb default '{"location": "local"}'::jsonb not null,
  spec_bytes integer generated always as (octet_length((spec)::text)) stored not null,
  constraint account_pkey PRIMARY KEY (pk),
  constraint account_name_key UNIQUE (name)
);

create table account_sample (
  account_pk bigint not null,
  at timestamp with time zone not null,
  figures real[] not null,
  constraint account_sample_pkey PRIMARY KEY (account_pk, at)
) with (autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX account_sample_at ON public.account_sample USING brin (at);

create table account_usage (
  account_pk bigint not null,
  wall_clock_seconds double precision default 0 not null,
  wait_seconds double precision default 0 not null,
  succeeded bigint default 0 not null,
  failed bigint default 0 not null,
  retries bigint default 0 not null,
  user_seconds double precision default 0 not null,
  kernel_seconds double precision default 0 not null,
  memory_peak double precision default 0 not null,
  read_bytes double precision default 0 not null,
  write_bytes double precision default 0 not null,
  read_operations double precision default 0 not null,
  write_operations double precision default 0 not null,
  constraint account_usage_pkey PRIMARY KEY (account_pk),
  constraint account_usage_account_pk_fkey FOREIGN KEY (account_pk) REFERENCES account(pk)
);

create table application (
  pk bigint generated always as identity not null,
  account_pk bigint not null,
  key text not null,
  id text not null,
  etag text default next_etag() not null,
  display_name text,
  allow_updates boolean default true not null,
  default_version text,
  tags jsonb,
  constraint application_pkey PRIMARY KEY (pk),
  constraint application_account_pk_fkey FOREIGN KEY (account_pk) REFERENCES account(pk),
  constraint application_account_pk_key_key UNIQUE (account_pk, key)
);
CREATE TRIGGER event_of_application AFTER INSERT OR DELETE OR UPDATE ON public.application FOR EACH ROW EXECUTE FUNCTION write_event_of_application();

create table application_package (
  pk bigint generated always as identity not null,
  application_pk bigint not null,
  key text not null,
  version text not null,
  etag text default next_etag() not null,
  storage_account text not null,
  container text not null,
  upload_id text,
  upload_expiry timestamp with time zone,
  content_id text,
  last_activation_time timestamp with time zone,
  tags jsonb,
  constraint application_package_pkey PRIMARY KEY (pk),
  constraint application_package_application_pk_fkey FOREIGN KEY (application_pk) REFERENCES application(pk),
  constraint application_package_application_pk_key_key UNIQUE (application_pk, key)
);
CREATE TRIGGER event_of_changed_package AFTER UPDATE ON public.application_package FOR EACH ROW WHEN ((old.content_id IS DISTINCT FROM new.content_id)) EXECUTE FUNCTION write_event_of_package();
CREATE TRIGGER event_of_new_or_deleted_package AFTER INSERT OR DELETE ON public.application_package FOR EACH ROW EXECUTE FUNCTION write_event_of_package();

create table audit (
  "time" timestamp with time zone not null,
  id bigint default nextval('audit_id'::regclass) not null,
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
  count integer not null
) partition by RANGE ("time");
CREATE INDEX audit_by_account ON ONLY public.audit USING btree (account, "time" DESC, id DESC);

create table auto_pool (
  pool_pk bigint not null,
  job_pk bigint,
  job_schedule_pk bigint,
  keep_alive boolean not null,
  specification jsonb not null,
  constraint auto_pool_pkey PRIMARY KEY (pool_pk),
  constraint auto_pool_check CHECK (((job_pk IS NULL) <> (job_schedule_pk IS NULL))),
  constraint auto_pool_pool_pk_fkey FOREIGN KEY (pool_pk) REFERENCES pool(pk) ON DELETE CASCADE
);
CREATE INDEX auto_pool_of_job ON public.auto_pool USING btree (job_pk) WHERE (job_pk IS NOT NULL);
CREATE INDEX auto_pool_of_schedule ON public.auto_pool USING btree (job_schedule_pk) WHERE (job_schedule_pk IS NOT NULL);

create table auto_scale (
  pool_pk bigint not null,
  enabled_time timestamp with time zone,
  due_time timestamp with time zone,
  run jsonb,
  constraint auto_scale_pkey PRIMARY KEY (pool_pk),
  constraint auto_scale_pool_pk_fkey FOREIGN KEY (pool_pk) REFERENCES pool(pk) ON DELETE CASCADE
);
CREATE INDEX auto_scale_due ON public.auto_scale USING btree (due_time) WHERE (due_time IS NOT NULL);

create table auto_scale_run (
  pk bigint generated always as identity not null,
  pool_pk bigint not null,
  run jsonb not null,
  formula text,
  constraint auto_scale_run_pkey PRIMARY KEY (pk),
  constraint auto_scale_run_pool_pk_fkey FOREIGN KEY (pool_pk) REFERENCES pool(pk) ON DELETE CASCADE
);
CREATE INDEX auto_scale_run_of_pool ON public.auto_scale_run USING btree (pool_pk, pk);
CREATE TRIGGER event_of_auto_scale AFTER INSERT ON public.auto_scale_run FOR EACH ROW EXECUTE FUNCTION write_event_of_auto_scale();

create table blob_removal (
  pk bigint generated always as identity not null,
  storage_account text not null,
  container text not null,
  blob text not null,
  due_time timestamp with time zone not null,
  etag text,
  constraint blob_removal_pkey PRIMARY KEY (pk)
);
CREATE INDEX blob_removal_due ON public.blob_removal USING btree (due_time);

create table certificate (
  pk bigint generated always as identity not null,
  account_pk bigint not null,
  thumbprint text not null,
  etag text default next_etag() not null,
  last_modified timestamp with time zone not null,
  state text not null,
  state_transition_time timestamp with time zone not null,
  previous_state text,
  previous_state_transition_time timestamp with time zone,
  public_data text not null,
  format text not null,
  data text not null,
  password text,
  delete_error jsonb,
  tags jsonb,
  constraint certificate_pkey PRIMARY KEY (pk),
  constraint certificate_account_pk_fkey FOREIGN KEY (account_pk) REFERENCES account(pk),
  constraint certificate_account_pk_thumbprint_key UNIQUE (account_pk, thumbprint)
);

create table directory_removal (
  pk bigint generated always as identity not null,
  node_pk bigint not null,
  directory text not null,
  constraint directory_removal_pkey PRIMARY KEY (pk),
  constraint directory_removal_node_pk_fkey FOREIGN KEY (node_pk) REFERENCES node(pk) ON DELETE CASCADE
) with (autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX directory_removal_of_node ON public.directory_removal USING btree (node_pk);

create table event (
  id bigint default nextval('event_id'::regclass) not null,
  slot smallint not null,
  "position" bigint,
  "time" timestamp with time zone default clock_timestamp() not null,
  account_pk bigint not null,
  kind text not null,
  change text not null,
  size integer default 1 not null,
  about jsonb not null,
  tasks task_event[],
  facts jsonb
) partition by LIST (slot);
CREATE INDEX event_position ON ONLY public.event USING btree ("position") WHERE ("position" IS NOT NULL);
CREATE INDEX event_without_position ON ONLY public.event USING btree (id) WHERE ("position" IS NULL);

create table event_0 partition of event FOR VALUES IN ('0');
CREATE INDEX event_0_id_idx ON public.event_0 USING btree (id) WHERE ("position" IS NULL);
CREATE INDEX event_0_position_idx ON public.event_0 USING btree ("position") WHERE ("position" IS NOT NULL);

create table event_1 partition of event FOR VALUES IN ('1');
CREATE INDEX event_1_id_idx ON public.event_1 USING btree (id) WHERE ("position" IS NULL);
CREATE INDEX event_1_position_idx ON public.event_1 USING btree ("position") WHERE ("position" IS NOT NULL);

create table event_2 partition of event FOR VALUES IN ('2');
CREATE INDEX event_2_id_idx ON public.event_2 USING btree (id) WHERE ("position" IS NULL);
CREATE INDEX event_2_position_idx ON public.event_2 USING btree ("position") WHERE ("position" IS NOT NULL);

create table event_3 partition of event FOR VALUES IN ('3');
CREATE INDEX event_3_id_idx ON public.event_3 USING btree (id) WHERE ("position" IS NULL);
CREATE INDEX event_3_position_idx ON public.event_3 USING btree ("position") WHERE ("position" IS NOT NULL);

create table event_4 partition of event FOR VALUES IN ('4');
CREATE INDEX event_4_id_idx ON public.event_4 USING btree (id) WHERE ("position" IS NULL);
CREATE INDEX event_4_position_idx ON public.event_4 USING btree ("position") WHERE ("position" IS NOT NULL);

create table event_5 partition of event FOR VALUES IN ('5');
CREATE INDEX event_5_id_idx ON public.event_5 USING btree (id) WHERE ("position" IS NULL);
CREATE INDEX event_5_position_idx ON public.event_5 USING btree ("position") WHERE ("position" IS NOT NULL);

create table event_6 partition of event FOR VALUES IN ('6');
CREATE INDEX event_6_id_idx ON public.event_6 USING btree (id) WHERE ("position" IS NULL);
CREATE INDEX event_6_position_idx ON public.event_6 USING btree ("position") WHERE ("position" IS NOT NULL);

create table event_7 partition of event FOR VALUES IN ('7');
CREATE INDEX event_7_id_idx ON public.event_7 USING btree (id) WHERE ("position" IS NULL);
CREATE INDEX event_7_position_idx ON public.event_7 USING btree ("position") WHERE ("position" IS NOT NULL);

create table event_counter (
  only_one boolean default true not null,
  "position" bigint default 0 not null,
  changes bigint default 0 not null,
  constraint event_counter_pkey PRIMARY KEY (only_one),
  constraint event_counter_only_one_check CHECK (only_one)
);

create table event_feed (
  only_one boolean default true not null,
  slot smallint default 0 not null,
  watched_until timestamp with time zone default '-infinity'::timestamp with time zone not null,
  constraint event_feed_pkey PRIMARY KEY (only_one),
  constraint event_feed_only_one_check CHECK (only_one)
);

create table event_slot (
  slot smallint not null,
  began timestamp with time zone,
  changes bigint,
  constraint event_slot_pkey PRIMARY KEY (slot)
);

create table five_minute_sample (
  at timestamp with time zone not null,
  kind text not null,
  subject_pk bigint not null,
  counts integer[] not null,
  totals real[] not null,
  lowest real[] not null,
  highest real[] not null,
  constraint five_minute_sample_pkey PRIMARY KEY (kind, subject_pk, at)
) partition by RANGE (at);

create table host (
  id text not null,
  provider text not null,
  address text not null,
  capacity jsonb not null,
  labels jsonb not null,
  agent_version text not null,
  server_id uuid not null,
  seen timestamp with time zone not null,
  constraint host_pkey PRIMARY KEY (id)
);

create table hour_sample (
  at timestamp with time zone not null,
  kind text not null,
  subject_pk bigint not null,
  counts integer[] not null,
  totals real[] not null,
  lowest real[] not null,
  highest real[] not null,
  constraint hour_sample_pkey PRIMARY KEY (kind, subject_pk, at)
) partition by RANGE (at);

create table issuer_key (
  only_one boolean default true not null,
  kid text not null,
  private_key jsonb not null,
  creation_time timestamp with time zone not null,
  constraint issuer_key_pkey PRIMARY KEY (only_one),
  constraint issuer_key_only_one_check CHECK (only_one)
);

create table job (
  pk bigint generated always as identity not null,
  account_pk bigint not null,
  key text not null,
  id text not null,
  etag text default next_etag() not null,
  last_modified timestamp with time zone not null,
  creation_time timestamp with time zone not null,
  state text not null,
  state_transition_time timestamp with time zone not null,
  previous_state text,
  previous_state_transition_time timestamp with time zone,
  pool_key text not null,
  pool_id text not null,
  priority integer not null,
  max_parallel_tasks integer not null,
  uses_task_dependencies boolean not null,
  on_all_tasks_complete text not null,
  on_task_failure text not null,
  disable_tasks text,
  wall_clock_end timestamp with time zone,
  start_time timestamp with time zone not null,
  end_time timestamp with time zone,
  terminate_reason text,
  scheduling_error jsonb,
  spec jsonb not null,
  is_forced boolean default false not null,
  completion_check_time timestamp with time zone,
  job_schedule_pk bigint,
  allow_task_preemption boolean default false not null,
  turn_time timestamp with time zone,
  spec_bytes integer generated always as (octet_length((spec)::text)) stored not null,
  constraint job_pkey PRIMARY KEY (pk),
  constraint job_account_pk_fkey FOREIGN KEY (account_pk) REFERENCES account(pk),
  constraint job_account_pk_key_key UNIQUE (account_pk, key)
) with (autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX job_completion_check ON public.job USING btree (completion_check_time) WHERE (completion_check_time IS NOT NULL);
CREATE INDEX job_ending_unsatisfiable ON public.job USING btree (account_pk, pool_key) WHERE ((state = 'active'::text) AND ((spec ->> 'onUnsatisfiableTasks'::text) = 'fail'::text));
CREATE INDEX job_moving ON public.job USING btree (state) WHERE (state = ANY (ARRAY['disabling'::text, 'enabling'::text, 'terminating'::text, 'deleting'::text]));
CREATE INDEX job_of_pool ON public.job USING btree (account_pk, pool_key, priority DESC, pk) WHERE (state = 'active'::text);
CREATE INDEX job_of_pool_in_any_state ON public.job USING btree (account_pk, pool_key);
CREATE INDEX job_of_schedule ON public.job USING btree (job_schedule_pk, key) WHERE (job_schedule_pk IS NOT NULL);
CREATE INDEX job_preemptible ON public.job USING btree (account_pk, pool_key) WHERE (allow_task_preemption AND (state = 'active'::text));
CREATE INDEX job_wall_clock ON public.job USING btree (wall_clock_end) WHERE (wall_clock_end IS NOT NULL);
CREATE INDEX unfinished_job_of_schedule ON public.job USING btree (job_schedule_pk) WHERE ((job_schedule_pk IS NOT NULL) AND (state <> 'completed'::text));
CREATE TRIGGER event_of_changed_job AFTER UPDATE ON public.job FOR EACH ROW WHEN ((old.state <> new.state)) EXECUTE FUNCTION write_event_of_job();
CREATE TRIGGER event_of_new_or_deleted_job AFTER INSERT OR DELETE ON public.job FOR EACH ROW EXECUTE FUNCTION write_event_of_job();

create table job_sample (
  job_pk bigint not null,
  at timestamp with time zone not null,
  active bigint not null,
  running bigint not null,
  succeeded bigint not null,
  failed bigint not null,
  constraint job_sample_pkey PRIMARY KEY (job_pk, at)
) with (autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX job_sample_at ON public.job_sample USING brin (at);

create table job_schedule (
  pk bigint generated always as identity not null,
  account_pk bigint not null,
  key text not null,
  id text not null,
  etag text default next_etag() not null,
  last_modified timestamp with time zone not null,
  creation_time timestamp with time zone not null,
  state text not null,
  state_transition_time timestamp with time zone not null,
  previous_state text,
  previous_state_transition_time timestamp with time zone,
  do_not_run_until timestamp with time zone,
  do_not_run_after timestamp with time zone,
  first_occurrence timestamp with time zone not null,
  last_occurrence timestamp with time zone,
  wake_time timestamp with time zone,
  job_count integer default 0 not null,
  end_time timestamp with time zone,
  is_forced boolean default false not null,
  spec jsonb not null,
  spec_bytes integer generated always as (octet_length((spec)::text)) stored not null,
  constraint job_schedule_pkey PRIMARY KEY (pk),
  constraint job_schedule_account_pk_fkey FOREIGN KEY (account_pk) REFERENCES account(pk),
  constraint job_schedule_account_pk_key_key UNIQUE (account_pk, key)
);
CREATE INDEX job_schedule_open ON public.job_schedule USING btree (account_pk) WHERE (state <> ALL (ARRAY['completed'::text, 'deleting'::text]));
CREATE INDEX job_schedule_wake ON public.job_schedule USING btree (wake_time) WHERE (wake_time IS NOT NULL);
CREATE TRIGGER event_of_changed_job_schedule AFTER UPDATE ON public.job_schedule FOR EACH ROW WHEN ((old.state <> new.state)) EXECUTE FUNCTION write_event_of_job_schedule();
CREATE TRIGGER event_of_new_or_deleted_job_schedule AFTER INSERT OR DELETE ON public.job_schedule FOR EACH ROW EXECUTE FUNCTION write_event_of_job_schedule();

create table job_schedule_usage (
  job_schedule_pk bigint not null,
  wall_clock_seconds double precision default 0 not null,
  wait_seconds double precision default 0 not null,
  succeeded bigint default 0 not null,
  failed bigint default 0 not null,
  retries bigint default 0 not null,
  user_seconds double precision default 0 not null,
  kernel_seconds double precision default 0 not null,
  memory_peak double precision default 0 not null,
  read_bytes double precision default 0 not null,
  write_bytes double precision default 0 not null,
  read_operations double precision default 0 not null,
  write_operations double precision default 0 not null,
  constraint job_schedule_usage_pkey PRIMARY KEY (job_schedule_pk),
  constraint job_schedule_usage_job_schedule_pk_fkey FOREIGN KEY (job_schedule_pk) REFERENCES job_schedule(pk) ON DELETE CASCADE
);

create table job_usage (
  job_pk bigint not null,
  shard smallint not null,
  wall_clock_seconds double precision default 0 not null,
  wait_seconds double precision default 0 not null,
  succeeded bigint default 0 not null,
  failed bigint default 0 not null,
  retries bigint default 0 not null,
  user_seconds double precision default 0 not null,
  kernel_seconds double precision default 0 not null,
  memory_peak double precision default 0 not null,
  read_bytes double precision default 0 not null,
  write_bytes double precision default 0 not null,
  read_operations double precision default 0 not null,
  write_operations double precision default 0 not null,
  constraint job_usage_pkey PRIMARY KEY (job_pk, shard)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0.02);

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
  constraint kept_log_pkey PRIMARY KEY (run_id, number)
);
CREATE INDEX kept_log_of_run ON public.kept_log USING btree (past_run_pk);

create table node (
  pk bigint generated always as identity not null,
  pool_pk bigint not null,
  id text not null,
  state text not null,
  state_transition_time timestamp with time zone not null,
  scheduling_state text default 'enabled'::text not null,
  is_dedicated boolean not null,
  token_hash bytea,
  allocation_time timestamp with time zone not null,
  last_boot_time timestamp with time zone,
  last_seen timestamp with time zone,
  ip_address text,
  agent_version text,
  slots integer not null,
  used_slots integer default 0 not null,
  running_tasks integer default 0 not null,
  total_tasks_run integer default 0 not null,
  total_tasks_succeeded integer default 0 not null,
  start_task jsonb,
  start_run_id uuid,
  start_task_info jsonb,
  errors jsonb,
  start_failures integer default 0 not null,
  start_failure text,
  retains_data boolean default false not null,
  retained_until timestamp with time zone,
  pending_action text,
  restart_id uuid,
  setup_id uuid,
  recent_tasks bigint[] default '{}'::bigint[] not null,
  packages jsonb default '[]'::jsonb not null,
  package_run_id uuid,
  manages_users boolean default false not null,
  host_id text,
  pending_reason text,
  constraint node_pkey PRIMARY KEY (pk),
  constraint node_check CHECK (((used_slots >= 0) AND (running_tasks >= 0))),
  constraint node_host_id_fkey FOREIGN KEY (host_id) REFERENCES host(id) ON DELETE SET NULL,
  constraint node_id_key UNIQUE (id),
  constraint node_pool_pk_fkey FOREIGN KEY (pool_pk) REFERENCES pool(pk)
) with (fillfactor=70, autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX node_of_host ON public.node USING btree (host_id);
CREATE INDEX node_of_pool ON public.node USING btree (pool_pk, id);
CREATE INDEX node_package_run ON public.node USING btree (package_run_id) WHERE (package_run_id IS NOT NULL);
CREATE INDEX node_start_run ON public.node USING btree (start_run_id) WHERE (start_run_id IS NOT NULL);
CREATE INDEX node_with_pending_action ON public.node USING btree (pk) WHERE (pending_action IS NOT NULL);
CREATE TRIGGER event_of_changed_node AFTER UPDATE ON public.node FOR EACH ROW WHEN (((old.state <> new.state) OR (old.scheduling_state <> new.scheduling_state))) EXECUTE FUNCTION write_event_of_node();
CREATE TRIGGER event_of_new_or_deleted_node AFTER INSERT OR DELETE ON public.node FOR EACH ROW EXECUTE FUNCTION write_event_of_node();

create table node_life (
  pk bigint generated always as identity not null,
  account_pk bigint not null,
  pool_pk bigint not null,
  pool_key text not null,
  pool_id text not null,
  vm_size text not null,
  cores integer not null,
  is_dedicated boolean not null,
  start_time timestamp with time zone not null,
  end_time timestamp with time zone not null,
  tags jsonb default '[]'::jsonb not null,
  constraint node_life_pkey PRIMARY KEY (pk),
  constraint node_life_account_pk_fkey FOREIGN KEY (account_pk) REFERENCES account(pk)
);
CREATE INDEX node_life_end ON public.node_life USING btree (end_time);
CREATE INDEX node_life_of_account ON public.node_life USING btree (account_pk, end_time);
CREATE INDEX node_life_of_pool ON public.node_life USING btree (pool_pk);

create table node_sample (
  at timestamp with time zone not null,
  node_pk bigint not null,
  cpu double precision not null,
  memory_bytes double precision not null,
  disk_bytes double precision not null,
  disk_read_bytes double precision not null,
  disk_write_bytes double precision not null,
  disk_read_operations double precision not null,
  disk_write_operations double precision not null,
  network_in_bytes double precision not null,
  network_out_bytes double precision not null,
  constraint node_sample_pkey PRIMARY KEY (at, node_pk),
  constraint node_sample_node_pk_fkey FOREIGN KEY (node_pk) REFERENCES node(pk) ON DELETE CASCADE
) with (autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX node_sample_of_node ON public.node_sample USING btree (node_pk);

create table node_user (
  node_pk bigint not null,
  name text not null,
  is_admin boolean not null,
  password_hash text,
  ssh_public_key text,
  expiry_time timestamp with time zone not null,
  constraint node_user_pkey PRIMARY KEY (node_pk, name),
  constraint node_user_node_pk_fkey FOREIGN KEY (node_pk) REFERENCES node(pk) ON DELETE CASCADE
);
CREATE INDEX node_user_expiry ON public.node_user USING btree (expiry_time);

create table past_run (
  pk bigint generated always as identity not null,
  account_pk bigint not null,
  task_pk bigint not null,
  run_id uuid not null,
  recorded_time timestamp with time zone not null,
  node_pk bigint,
  node_info jsonb,
  start_time timestamp with time zone,
  end_time timestamp with time zone not null,
  outcome text not null,
  exit_code integer,
  failure_info jsonb,
  files jsonb default '[]'::jsonb not null,
  content bytea,
  awaits_files boolean default false not null,
  bytes integer not null,
  steps jsonb,
  constraint past_run_pkey PRIMARY KEY (pk)
);
CREATE INDEX past_run_of_account ON public.past_run USING btree (account_pk, pk);
CREATE INDEX past_run_of_task ON public.past_run USING btree (task_pk, pk);
CREATE INDEX past_run_that_awaits ON public.past_run USING btree (run_id) WHERE awaits_files;
CREATE TRIGGER past_run_deleted AFTER DELETE ON public.past_run REFERENCING OLD TABLE AS old_run FOR EACH STATEMENT EXECUTE FUNCTION size_past_runs();
CREATE TRIGGER past_run_inserted AFTER INSERT ON public.past_run REFERENCING NEW TABLE AS new_run FOR EACH STATEMENT EXECUTE FUNCTION size_past_runs();
CREATE TRIGGER past_run_updated AFTER UPDATE ON public.past_run REFERENCING OLD TABLE AS old_run NEW TABLE AS new_run FOR EACH STATEMENT EXECUTE FUNCTION size_past_runs();

create table past_run_size (
  account_pk bigint not null,
  shard smallint not null,
  bytes bigint not null,
  constraint past_run_size_pkey PRIMARY KEY (account_pk, shard)
);

create table pool (
  pk bigint generated always as identity not null,
  account_pk bigint not null,
  key text not null,
  id text not null,
  etag text default next_etag() not null,
  last_modified timestamp with time zone not null,
  creation_time timestamp with time zone not null,
  state text not null,
  state_transition_time timestamp with time zone not null,
  allocation_state text not null,
  allocation_state_transition_time timestamp with time zone not null,
  vm_size text not null,
  enable_auto_scale boolean not null,
  enable_inter_node_communication boolean not null,
  target_dedicated_nodes integer not null,
  target_low_priority_nodes integer not null,
  task_slots_per_node integer not null,
  spec jsonb not null,
  resize_deadline timestamp with time zone,
  resize_timeout_seconds double precision not null,
  node_deallocation_option text default 'requeue'::text not null,
  resize_errors jsonb,
  cores integer default 1 not null,
  spec_bytes integer generated always as (octet_length((spec)::text)) stored not null,
  tags jsonb,
  is_auto boolean default false not null,
  constraint pool_pkey PRIMARY KEY (pk),
  constraint pool_account_pk_fkey FOREIGN KEY (account_pk) REFERENCES account(pk),
  constraint pool_account_pk_key_key UNIQUE (account_pk, key)
);
CREATE TRIGGER event_of_changed_pool AFTER UPDATE ON public.pool FOR EACH ROW WHEN (((((old.state IS DISTINCT FROM new.state) OR (old.allocation_state IS DISTINCT FROM new.allocation_state)) OR (old.target_dedicated_nodes IS DISTINCT FROM new.target_dedicated_nodes)) OR (old.target_low_priority_nodes IS DISTINCT FROM new.target_low_priority_nodes))) EXECUTE FUNCTION write_event_of_pool();
CREATE TRIGGER event_of_new_or_deleted_pool AFTER INSERT OR DELETE ON public.pool FOR EACH ROW EXECUTE FUNCTION write_event_of_pool();

create table pool_load (
  pool_pk bigint not null,
  account_pk bigint not null,
  samples bigint default 0 not null,
  cpu_percent double precision default 0 not null,
  memory_bytes double precision default 0 not null,
  memory_peak double precision default 0 not null,
  disk_bytes double precision default 0 not null,
  disk_peak double precision default 0 not null,
  read_operations double precision default 0 not null,
  write_operations double precision default 0 not null,
  read_bytes double precision default 0 not null,
  write_bytes double precision default 0 not null,
  in_bytes double precision default 0 not null,
  out_bytes double precision default 0 not null,
  dedicated_core_seconds double precision default 0 not null,
  constraint pool_load_pkey PRIMARY KEY (pool_pk),
  constraint pool_load_account_pk_fkey FOREIGN KEY (account_pk) REFERENCES account(pk)
);
CREATE INDEX pool_load_of_account ON public.pool_load USING btree (account_pk);

create table pool_sample (
  pool_pk bigint not null,
  at timestamp with time zone not null,
  active_tasks double precision not null,
  running_tasks double precision not null,
  succeeded_tasks double precision not null,
  failed_tasks double precision not null,
  task_slots_per_node double precision not null,
  current_dedicated_nodes double precision not null,
  current_low_priority_nodes double precision not null,
  usable_nodes double precision not null,
  preempted_nodes double precision not null,
  sample_nodes double precision not null,
  cpu double precision not null,
  wall_clock_seconds double precision not null,
  memory_megabytes double precision not null,
  disk_gigabytes double precision not null,
  disk_read_bytes double precision not null,
  disk_write_bytes double precision not null,
  disk_read_operations double precision not null,
  disk_write_operations double precision not null,
  network_in_bytes double precision not null,
  network_out_bytes double precision not null,
  active_slots double precision default 0 not null,
  running_slots double precision default 0 not null,
  oldest_wait_seconds double precision default 0 not null,
  nodes_by_state jsonb default '{}'::jsonb not null,
  constraint pool_sample_pkey PRIMARY KEY (pool_pk, at),
  constraint pool_sample_pool_pk_fkey FOREIGN KEY (pool_pk) REFERENCES pool(pk) ON DELETE CASCADE
) with (autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX pool_sample_at ON public.pool_sample USING brin (at);

create table pool_sampling (
  at timestamp with time zone not null
);

create table preparation (
  pk bigint generated always as identity not null,
  job_pk bigint not null,
  node_pk bigint not null,
  pool_id text not null,
  node_id text not null,
  state text not null,
  run_id uuid,
  needs_release boolean default false not null,
  preparation_info jsonb not null,
  release_info jsonb,
  release_deadline timestamp with time zone,
  constraint preparation_pkey PRIMARY KEY (pk),
  constraint preparation_job_pk_node_id_key UNIQUE (job_pk, node_id)
) with (autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX preparation_of_node ON public.preparation USING btree (node_pk);
CREATE UNIQUE INDEX preparation_run ON public.preparation USING btree (run_id) WHERE (run_id IS NOT NULL);

create table price_list (
  account_pk bigint not null,
  currency text not null,
  prices jsonb not null,
  constraint price_list_pkey PRIMARY KEY (account_pk),
  constraint price_list_account_pk_fkey FOREIGN KEY (account_pk) REFERENCES account(pk)
);

create table sample_folding (
  five_minutes_until timestamp with time zone,
  hours_until timestamp with time zone
);

create table schema_migration (
  version integer not null,
  applied_time timestamp with time zone not null,
  constraint schema_migration_pkey PRIMARY KEY (version)
);

create table secret (
  name text not null,
  value bytea not null,
  constraint secret_pkey PRIMARY KEY (name)
);

create table server (
  id uuid not null,
  address text not null,
  seen timestamp with time zone not null,
  constraint server_pkey PRIMARY KEY (id)
);

create table service_principal (
  client_id uuid not null,
  name text not null,
  secret_hash bytea not null,
  role text not null,
  account_name text,
  creation_time timestamp with time zone not null,
  constraint service_principal_pkey PRIMARY KEY (client_id),
  constraint service_principal_name_key UNIQUE (name)
);

create table subtask (
  task_pk bigint not null,
  id integer not null,
  state text not null,
  state_transition_time timestamp with time zone not null,
  previous_state text,
  previous_state_transition_time timestamp with time zone,
  node_pk bigint,
  run_id uuid,
  node_info jsonb not null,
  is_coordinated boolean default false not null,
  start_time timestamp with time zone,
  end_time timestamp with time zone,
  exit_code integer,
  result text,
  failure_info jsonb,
  container_info jsonb,
  constraint subtask_pkey PRIMARY KEY (task_pk, id)
) with (autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX subtask_on_node ON public.subtask USING btree (node_pk) WHERE (node_pk IS NOT NULL);
CREATE UNIQUE INDEX subtask_run ON public.subtask USING btree (run_id) WHERE (run_id IS NOT NULL);

create table task (
  pk bigint generated always as identity not null,
  job_pk bigint not null,
  key text not null,
  id text not null,
  number bigint,
  etag text default next_etag() not null,
  last_modified timestamp with time zone not null,
  creation_time timestamp with time zone not null,
  state text not null,
  state_transition_time timestamp with time zone not null,
  previous_state text,
  previous_state_transition_time timestamp with time zone,
  queue_rank smallint default 0 not null,
  required_slots integer not null,
  waiting_for integer default 0 not null,
  is_satisfied boolean default false not null,
  retry_count integer default 0 not null,
  last_retry_time timestamp with time zone,
  requeue_count integer default 0 not null,
  last_requeue_time timestamp with time zone,
  internal_retry_count integer default 0 not null,
  start_time timestamp with time zone,
  end_time timestamp with time zone,
  exit_code integer,
  result text,
  failure_info jsonb,
  node_pk bigint,
  run_id uuid,
  node_info jsonb,
  spec jsonb not null,
  held_slots integer,
  first_start_time timestamp with time zone,
  wall_clock_seconds double precision default 0 not null,
  instances integer,
  spec_bytes integer generated always as (octet_length((spec)::text)) stored not null,
  container_info jsonb,
  resource_use jsonb,
  trace_parent text,
  constraint task_pkey PRIMARY KEY (pk),
  constraint task_job_pk_key_key UNIQUE (job_pk, key)
) with (fillfactor=85, autovacuum_vacuum_scale_factor=0.02, autovacuum_analyze_scale_factor=0.02);
CREATE INDEX task_gang_ready ON public.task USING btree (job_pk) INCLUDE (instances) WHERE ((instances IS NOT NULL) AND (state = 'active'::text) AND (waiting_for = 0));
CREATE INDEX task_number ON public.task USING btree (job_pk, number) WHERE (number IS NOT NULL);
CREATE INDEX task_of_standing ON public.task USING btree (((((job_pk)::text || ' '::text) || COALESCE(result, state))), key);
CREATE INDEX task_on_node ON public.task USING btree (node_pk) WHERE (node_pk IS NOT NULL);
CREATE INDEX task_ready ON public.task USING btree (((job_pk + 0)), queue_rank, pk) INCLUDE (required_slots) WHERE ((state = 'active'::text) AND (waiting_for = 0));
CREATE INDEX task_ready_large ON public.task USING btree (((job_pk + 0)), required_slots) WHERE ((state = 'active'::text) AND (waiting_for = 0) AND (required_slots > 1));
CREATE INDEX task_restarting_manager ON public.task USING btree (job_pk) WHERE ((state = 'active'::text) AND (queue_rank < 0) AND (previous_state IS NOT NULL));
CREATE INDEX task_run ON public.task USING btree (run_id) WHERE (run_id IS NOT NULL);
CREATE INDEX task_running ON public.task USING btree (job_pk, pk) WHERE (state = ANY (ARRAY['preparing'::text, 'running'::text]));
CREATE TRIGGER count_deleted_tasks AFTER DELETE ON public.task REFERENCING OLD TABLE AS old_task FOR EACH STATEMENT EXECUTE FUNCTION count_deleted_tasks();
CREATE TRIGGER count_inserted_tasks AFTER INSERT ON public.task REFERENCING NEW TABLE AS new_task FOR EACH STATEMENT EXECUTE FUNCTION count_inserted_tasks();
CREATE TRIGGER count_updated_tasks AFTER UPDATE ON public.task REFERENCING OLD TABLE AS old_task NEW TABLE AS new_task FOR EACH STATEMENT EXECUTE FUNCTION count_updated_tasks();
CREATE TRIGGER events_of_changed_tasks AFTER UPDATE ON public.task REFERENCING OLD TABLE AS old_task NEW TABLE AS new_task FOR EACH STATEMENT EXECUTE FUNCTION write_events_of_changed_tasks();
CREATE TRIGGER events_of_deleted_tasks AFTER DELETE ON public.task REFERENCING OLD TABLE AS old_task FOR EACH STATEMENT EXECUTE FUNCTION write_events_of_deleted_tasks();
CREATE TRIGGER events_of_failed_tasks AFTER UPDATE ON public.task REFERENCING OLD TABLE AS old_task NEW TABLE AS new_task FOR EACH STATEMENT EXECUTE FUNCTION write_events_of_changed_tasks('failures');
CREATE TRIGGER events_of_new_tasks AFTER INSERT ON public.task REFERENCING NEW TABLE AS new_task FOR EACH STATEMENT EXECUTE FUNCTION write_events_of_new_tasks();

create table task_count (
  job_pk bigint not null,
  shard smallint not null,
  active bigint default 0 not null,
  running bigint default 0 not null,
  succeeded bigint default 0 not null,
  failed bigint default 0 not null,
  active_slots bigint default 0 not null,
  running_slots bigint default 0 not null,
  succeeded_slots bigint default 0 not null,
  failed_slots bigint default 0 not null,
  constraint task_count_pkey PRIMARY KEY (job_pk, shard)
) with (fillfactor=50, autovacuum_vacuum_scale_factor=0.02);

create table task_dependency (
  job_pk bigint not null,
  parent_key text not null,
  child_pk bigint not null,
  constraint task_dependency_pkey PRIMARY KEY (job_pk, parent_key, child_pk)
) with (autovacuum_vacuum_scale_factor=0.02);

create table task_dependency_range (
  job_pk bigint not null,
  range_start bigint not null,
  range_end bigint not null,
  child_pk bigint not null,
  constraint task_dependency_range_pkey PRIMARY KEY (job_pk, child_pk, range_start, range_end)
);

create table task_usage (
  account_pk bigint not null,
  day date not null,
  job_key text not null,
  pool_id text not null,
  vm_size text not null,
  is_dedicated boolean not null,
  shard smallint not null,
  job_id text not null,
  tags jsonb not null,
  core_seconds double precision not null,
  run_seconds double precision not null,
  cpu_seconds double precision not null,
  succeeded bigint not null,
  failed bigint not null,
  constraint task_usage_pkey PRIMARY KEY (account_pk, day, job_key, pool_id, vm_size, is_dedicated, shard)
) with (fillfactor=70, autovacuum_vacuum_scale_factor=0.02);
CREATE INDEX task_usage_day ON public.task_usage USING btree (day);

create table webhook (
  pk bigint generated always as identity not null,
  account_pk bigint not null,
  key text not null,
  id text not null,
  creation_time timestamp with time zone not null,
  last_modified timestamp with time zone not null,
  revision integer default 1 not null,
  url text not null,
  filter jsonb not null,
  secret text not null,
  batch_size integer not null,
  maximum_attempts integer not null,
  state text not null,
  state_reason text,
  "position" bigint not null,
  events integer default 0 not null,
  attempts integer default 0 not null,
  next_attempt_time timestamp with time zone,
  delivered_count bigint default 0 not null,
  missed_count bigint default 0 not null,
  last_missed_time timestamp with time zone,
  consecutive_failures integer default 0 not null,
  last_success_time timestamp with time zone,
  last_failure_time timestamp with time zone,
  last_failure text,
  constraint webhook_pkey PRIMARY KEY (pk),
  constraint webhook_account_pk_fkey FOREIGN KEY (account_pk) REFERENCES account(pk),
  constraint webhook_account_pk_key_key UNIQUE (account_pk, key)
);

create table webhook_dead_letter (
  webhook_pk bigint not null,
  number bigint generated always as identity not null,
  event jsonb not null,
  attempts integer not null,
  last_attempt_time timestamp with time zone not null,
  error text not null,
  is_due boolean default false not null,
  constraint webhook_dead_letter_pkey PRIMARY KEY (webhook_pk, number),
  constraint webhook_dead_letter_webhook_pk_fkey FOREIGN KEY (webhook_pk) REFERENCES webhook(pk) ON DELETE CASCADE
);
CREATE INDEX webhook_dead_letter_due ON public.webhook_dead_letter USING btree (webhook_pk, number) WHERE is_due;

create type node_load as (node_pk bigint, slots integer, tasks integer, succeeded integer, uncounted integer, recent bigint[]);

create type task_change as (sign integer, job_pk bigint, state text, result text, required_slots integer);

create type task_event as (id text, state text, previous_state text, pool_id text, node_id text, is_manager boolean, required_slots integer, instances integer, max_retry_count integer, retry_count integer, requeue_count integer, internal_retry_count integer, is_requeue boolean, is_internal_retry boolean, start_time timestamp with time zone, end_time timestamp with time zone, exit_code integer, result text, failure_info jsonb);

create sequence etag_number;

create sequence event_id;

CREATE OR REPLACE FUNCTION public.add_to_task_count(changes task_change[])
 RETURNS void
 LANGUAGE sql
AS $function$
  insert into task_count as c (
    job_pk, shard, active, running, succeeded, failed, active_slots, running_slots, succeeded_slots, failed_slots
  )
  select job_pk, pg_backend_pid() % 16,
    coalesce(sum(sign) filter (where state = 'active'), 0),
    coalesce(sum(sign) filter (where state in ('preparing', 'running')), 0),
    coalesce(sum(sign) filter (where state = 'completed' and result = 'success'), 0),
    coalesce(sum(sign) filter (where state = 'completed' and result is distinct from 'success'), 0),
    coalesce(sum(sign * required_slots) filter (where state = 'active'), 0),
    coalesce(sum(sign * required_slots) filter (where state in ('preparing', 'running')), 0),
    coalesce(sum(sign * required_slots) filter (where state = 'completed' and result = 'success'), 0),
    coalesce(sum(sign * required_slots) filter (where state = 'completed' and result is distinct from 'success'), 0)
  from unnest(changes)
  group by job_pk
  order by job_pk
  on conflict (job_pk, shard) do update set
    active = c.active + excluded.active,
    running = c.running + excluded.running,
    succeeded = c.succeeded + excluded.succeeded,
    failed = c.failed + excluded.failed,
    active_slots = c.active_slots + excluded.active_slots,
    running_slots = c.running_slots + excluded.running_slots,
    succeeded_slots = c.succeeded_slots + excluded.succeeded_slots,
    failed_slots = c.failed_slots + excluded.failed_slots
$function$;

CREATE OR REPLACE FUNCTION public.count_deleted_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform add_to_task_count(array_agg((total, job_pk, state, result, required_slots)::task_change)) from (
    select -count(*)::integer as total, job_pk, state, result, required_slots from old_task
    group by job_pk, state, result, required_slots
  ) as changes;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.count_inserted_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform add_to_task_count(array_agg((total, job_pk, state, result, required_slots)::task_change)) from (
    select count(*)::integer as total, job_pk, state, result, required_slots from new_task
    group by job_pk, state, result, required_slots
  ) as changes;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.count_updated_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform add_to_task_count(array_agg((total, job_pk, state, result, required_slots)::task_change)) from (
    select sum(sign)::integer as total, job_pk, state, result, required_slots from (
      select 1 as sign, job_pk, state, result, required_slots from new_task
      union all
      select -1, job_pk, state, result, required_slots from old_task
    ) as rows
    group by job_pk, state, result, required_slots
    having sum(sign) <> 0
  ) as changes;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.latest(list bigint[], most integer)
 RETURNS bigint[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select coalesce(array_agg(value order by place), '{}') from (
    select value, max(place) as place from unnest(list) with ordinality as each (value, place)
    group by value order by max(place) desc limit most
  ) as last
$function$;

CREATE OR REPLACE FUNCTION public.next_etag()
 RETURNS text
 LANGUAGE sql
AS $function$ select '0x8' || upper(lpad(to_hex(nextval('etag_number')), 14, '0')) $function$;

CREATE OR REPLACE FUNCTION public.pool_facts(p pool)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
AS $function$
  select jsonb_build_object(
    'state', p.state, 'stateTime', p.state_transition_time,
    'allocationState', p.allocation_state, 'allocationTime', p.allocation_state_transition_time,
    'targetDedicatedNodes', p.target_dedicated_nodes, 'targetLowPriorityNodes', p.target_low_priority_nodes,
    'enableAutoScale', p.enable_auto_scale, 'nodeDeallocationOption', p.node_deallocation_option,
    'resizeErrors', p.resize_errors
  )
$function$;

CREATE OR REPLACE FUNCTION public.resolved_packages(account bigint, given jsonb)
 RETURNS jsonb
 LANGUAGE sql
 STABLE STRICT
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.size_past_runs()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION public.tell_of_events()
 RETURNS void
 LANGUAGE sql
AS $function$
  select pg_notify('kyanite_events', '') from event_feed where watched_until > clock_timestamp()
$function$;

CREATE OR REPLACE FUNCTION public.write_event_of_application()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare a application;
begin
  if tg_op = 'DELETE' then a := old; else a := new; end if;
  perform write_event(
    a.account_pk, 'application',
    case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    jsonb_build_object('applicationId', a.id),
    jsonb_build_object(
      'displayName', a.display_name, 'defaultVersion', a.default_version, 'allowUpdates', a.allow_updates
    )
  );
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.write_event_of_auto_scale()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform write_event(p.account_pk, 'autoScale', 'created', jsonb_build_object('poolId', p.id),
    (new.run - 'statements') || jsonb_build_object('formula', new.formula))
  from pool p where p.pk = new.pool_pk;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.write_event_of_job_schedule()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare s job_schedule;
begin
  if tg_op = 'DELETE' then s := old; else s := new; end if;
  perform write_event(
    s.account_pk, 'jobSchedule',
    case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    jsonb_build_object('jobScheduleId', s.id),
    jsonb_build_object(
      'before', case when tg_op <> 'INSERT' then jsonb_build_object('state', old.state) end,
      'after', case when tg_op <> 'DELETE' then jsonb_build_object('state', new.state) end
    )
  );
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.write_event_of_job()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare j job;
begin
  if tg_op = 'DELETE' then j := old; else j := new; end if;
  perform write_event(
    j.account_pk, 'job', case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    jsonb_build_object('jobId', j.id, 'poolId', j.pool_id, 'jobScheduleId', (
      select s.id from job_schedule s where s.pk = j.job_schedule_pk
    )),
    jsonb_build_object(
      'before', case when tg_op <> 'INSERT' then jsonb_build_object('state', old.state) end,
      'after', case when tg_op <> 'DELETE' then jsonb_build_object(
        'state', new.state, 'priority', new.priority, 'terminateReason', new.terminate_reason,
        'schedulingError', new.scheduling_error, 'endTime', new.end_time
      ) end
    )
  );
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.write_event_of_node()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare n node;
begin
  if tg_op = 'DELETE' then n := old; else n := new; end if;
  perform write_event(
    p.account_pk, 'node', case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    jsonb_build_object('poolId', p.id, 'nodeId', n.id, 'isDedicated', n.is_dedicated),
    jsonb_build_object(
      'before', case when tg_op <> 'INSERT' then
        jsonb_build_object('state', old.state, 'schedulingState', old.scheduling_state)
      end,
      'after', case when tg_op <> 'DELETE' then
        jsonb_build_object('state', new.state, 'schedulingState', new.scheduling_state, 'errors', new.errors)
      end
    )
  ) from pool p where p.pk = n.pool_pk;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.write_event_of_package()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare p application_package;
begin
  if tg_op = 'DELETE' then p := old; else p := new; end if;
  perform write_event(
    a.account_pk, 'package',
    case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    jsonb_build_object('applicationId', a.id, 'version', p.version),
    jsonb_build_object(
      'before', case when tg_op <> 'INSERT' then
        jsonb_build_object('state', case when old.content_id is null then 'pending' else 'active' end)
      end,
      'after', case when tg_op <> 'DELETE' then
        jsonb_build_object('state', case when new.content_id is null then 'pending' else 'active' end)
      end
    )
  ) from application a where a.pk = p.application_pk;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.write_event_of_pool()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
  p pool;
  about jsonb;
begin
  if tg_op = 'DELETE' then p := old; else p := new; end if;
  about := jsonb_build_object(
    'poolId', p.id, 'isAutoPool', p.is_auto,
    'currentDedicatedNodes', (select count(*) from node n where n.pool_pk = p.pk and n.is_dedicated),
    'currentLowPriorityNodes', (select count(*) from node n where n.pool_pk = p.pk and not n.is_dedicated)
  );
  if tg_op = 'INSERT' then
    perform write_event(p.account_pk, 'pool', 'created', about, jsonb_build_object(
      'after', pool_facts(new), 'displayName', p.spec -> 'displayName', 'vmSize', p.vm_size,
      'imageReference', p.spec #> '{virtualMachineConfiguration,imageReference}',
      'nodeAgentId', p.spec #> '{virtualMachineConfiguration,nodeAgentSKUId}',
      'subnetId', p.spec #> '{networkConfiguration,subnetId}',
      'nodeFillType', p.spec #> '{taskSchedulingPolicy,nodeFillType}',
      'resizeTimeoutSeconds', p.resize_timeout_seconds, 'taskSlotsPerNode', p.task_slots_per_node,
      'enableInterNodeCommunication', p.enable_inter_node_communication
    ));
  elsif tg_op = 'UPDATE' then
    perform write_event(p.account_pk, 'pool', 'changed', about, jsonb_build_object(
      'before', pool_facts(old), 'after', pool_facts(new), 'hasShrunk', exists (
        select from node_life l where l.pool_pk = p.pk and l.end_time >= old.allocation_state_transition_time
      )
    ));
  else
    perform write_event(p.account_pk, 'pool', 'deleted', about, jsonb_build_object('before', pool_facts(old)));
  end if;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.write_events_of_changed_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  insert into event (slot, account_pk, kind, change, size, about, tasks)
  select (select slot from event_feed), j.account_pk, 'task', 'changed', changed.size,
    jsonb_build_object('jobId', j.id, 'poolId', j.pool_id), changed.tasks
  from (
    select n.job_pk, count(*) as size, array_agg((
      n.id, n.state, o.state, coalesce(n.node_info, o.node_info) ->> 'poolId',
      coalesce(n.node_info, o.node_info) ->> 'nodeId', n.queue_rank < 0, n.required_slots, n.instances,
      (n.spec #>> '{constraints,maxTaskRetryCount}')::integer,
      n.retry_count, n.requeue_count, n.internal_retry_count, n.requeue_count > o.requeue_count,
      n.internal_retry_count > o.internal_retry_count, n.start_time, n.end_time, n.exit_code, n.result, n.failure_info
    )::task_event) as tasks
    from new_task n full join old_task o on o.pk = n.pk
    where (
      n.state is distinct from o.state
      or n.state = 'running' and (
        n.run_id is not null and n.run_id is distinct from o.run_id
        or n.instances is not null and n.retry_count > o.retry_count
      )
    ) and (tg_nargs = 0 or n.state = 'completed' and n.result = 'failure')
    group by n.job_pk
  ) as changed
  join job j on j.pk = changed.job_pk;
  if found then perform tell_of_events(); end if;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.write_events_of_deleted_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  insert into event (slot, account_pk, kind, change, size, about, tasks)
  select (select slot from event_feed), j.account_pk, 'task', 'deleted', gone.size,
    jsonb_build_object('jobId', j.id, 'poolId', j.pool_id), gone.tasks
  from (
    select job_pk, count(*) as size, array_agg((
      id, null, state, node_info ->> 'poolId', node_info ->> 'nodeId', queue_rank < 0, required_slots, instances,
      null, retry_count, requeue_count, internal_retry_count, false, false, start_time, end_time, exit_code, result, null
    )::task_event) as tasks
    from old_task group by job_pk
  ) as gone
  join job j on j.pk = gone.job_pk;
  if found then perform tell_of_events(); end if;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.write_events_of_new_tasks()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  insert into event (slot, account_pk, kind, change, size, about, tasks)
  select (select slot from event_feed), j.account_pk, 'task', 'created', added.size,
    jsonb_build_object('jobId', j.id, 'poolId', j.pool_id), added.tasks
  from (
    select job_pk, count(*) as size, array_agg((
      id, state, null, null, null, queue_rank < 0, required_slots, instances,
      (spec #>> '{constraints,maxTaskRetryCount}')::integer,
      retry_count, requeue_count, internal_retry_count, false, false, null, null, null, null, null
    )::task_event) as tasks
    from new_task group by job_pk
  ) as added
  join job j on j.pk = added.job_pk;
  if found then perform tell_of_events(); end if;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.write_event(account bigint, kind text, change text, about jsonb, facts jsonb)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  insert into event (slot, account_pk, kind, change, about, facts)
  select f.slot, account, write_event.kind, write_event.change, write_event.about, write_event.facts from event_feed f;
  perform tell_of_events();
end $function$;
