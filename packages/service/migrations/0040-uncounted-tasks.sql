-- Tasks that leave a node and do not count as run there: instances beside the primary, and tasks that never began.
alter type node_load rename attribute subtasks to uncounted;
