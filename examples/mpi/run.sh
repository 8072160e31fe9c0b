#!/bin/sh
# Command of the task: starts one process on each node that has opened its door, among the common files.
cd "$AZ_BATCH_NODE_MOUNTS_DIR/doors/mpi-$AZ_BATCH_JOB_ID-$AZ_BATCH_TASK_ID" || exit 1
# A door that nobody has opened is left from a task of this name that was killed.
for door in *; do timeout 5 sh -c ": > '$door'" || rm -f "$door"; done
nodes=$(echo * | tr ' ' ',')
count=$(echo * | wc -w)
place="/tmp/mpi-$AZ_BATCH_JOB_ID-$AZ_BATCH_TASK_ID"
# What looks like one machine to Open MPI shares no memory.
exec mpirun --mca pml ob1 --mca btl tcp,self --mca plm_rsh_agent "$place/launch.sh" --host "$nodes" -n "$count" --map-by node \
  --wdir "$place" "$@"
