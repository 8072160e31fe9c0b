-- What a node does as soon as its tasks have ended: reboot, reimage or deallocate; or that it is being started again.
alter table node add column pending_action text;
-- The restart that the node's agent shall carry out; none while its provider has still to restart the node itself.
alter table node add column restart_id uuid;
-- What the node has still to be given before its start task runs or because its accounts have changed.
alter table node add column setup_id uuid;
-- The latest tasks that were placed on the node, oldest first.
alter table node add column recent_tasks bigint[] not null default '{}';

create index node_with_pending_action on node (pk) where pending_action is not null;

alter type node_load add attribute recent bigint[];

-- The last `most` different elements of a list, in the order in which each came last.
create function latest(list bigint[], most integer) returns bigint[] language sql immutable parallel safe as $$
  select coalesce(array_agg(value order by place), '{}') from (
    select value, max(place) as place from unnest(list) with ordinality as each (value, place)
    group by value order by max(place) desc limit most
  ) as last
$$;
