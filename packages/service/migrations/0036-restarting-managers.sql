-- Job managers that were on a node before and wait to start again: tasks of other jobs may have to make room for them.
-- Job managers are those with a rank below 0.
create index task_restarting_manager on task (job_pk)
  where state = 'active' and queue_rank < 0 and previous_state is not null;
