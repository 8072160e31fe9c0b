-- What a task has come to, its result once it has one and its state until then, in the order in which lists are paged:
-- the few tasks that failed are found among a million. The job is part of the expression, so that no other index can
-- serve a statement that asks so, whatever statistics say.
create index task_of_standing on task ((job_pk::text || ' ' || coalesce(result, state)), key);
