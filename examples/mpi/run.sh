#!/bin/sh
# Command of the task: starts one process on each node that has opened its door.
cd "/tmp/mpi-$AZ_BATCH_JOB_ID-$AZ_BATCH_TASK_ID" || exit 1
nodes=$(echo * | tr ' ' ',')
count=$(echo * | wc -w)
shared=$AZ_BATCH_TASK_SHARED_DIR
exec mpirun --mca plm_rsh_agent "$shared/launch.sh" --host "$nodes" -n "$count" --map-by node --wdir /tmp "$@"
