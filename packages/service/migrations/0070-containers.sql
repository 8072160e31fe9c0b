-- The containers in which runs take place.
alter table task add column container_info jsonb;
alter table subtask add column container_info jsonb;
