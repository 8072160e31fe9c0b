-- A task has a node exactly while it is preparing or running. Said so, no statement that asks by node or run has to name
-- states: it would be offered every index of running tasks, of which each seems as good as another while there are few.
drop index task_on_node;
create index task_on_node on task (node_pk) where node_pk is not null;
