-- While there are few tasks, all indexes that begin with the job seem equally good to the planner, and a plan that reads
-- every task of a job may be kept for as long as statistics stay. The job is an expression here, so that no other index
-- can serve a statement that asks so.
drop index task_ready;
create index task_ready on task ((job_pk + 0), queue_rank, pk) include (required_slots)
  where state = 'active' and waiting_for = 0;
