#!/bin/sh
# Command of the task: starts one process on each node that has opened its door.
cd "/tmp/mpi-$AZ_BATCH_JOB_ID-$AZ_BATCH_TASK_ID" || exit 1
# A door that nobody has opened is left from a task of this name that was killed.
for door in *; do timeout 5 sh -c ": > '$door'" || rm -f "$door"; done
nodes=$(echo * | tr ' ' ',')
count=$(echo * | wc -w)
shared=$AZ_BATCH_TASK_SHARED_DIR
exec mpirun --mca plm_rsh_agent "$shared/launch.sh" --host "$nodes" -n "$count" --map-by node --wdir /tmp "$@"
