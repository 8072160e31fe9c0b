-- Why a node that was asked for is not there yet, in its provider's words.
alter table node add column pending_reason text;

-- Jobs whose tasks end when their pool can never run them, and the tasks for which that may be so.
create index job_ending_unsatisfiable on job (account_pk, pool_key)
  where state = 'active' and spec ->> 'onUnsatisfiableTasks' = 'fail';
create index task_ready_large on task ((job_pk + 0), required_slots)
  where state = 'active' and waiting_for = 0 and required_slots > 1;

-- What formulas may ask of slots and of waiting.
alter table pool_sample
  add column active_slots double precision not null default 0,
  add column running_slots double precision not null default 0,
  add column oldest_wait_seconds double precision not null default 0;
