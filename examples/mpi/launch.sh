#!/bin/sh
# What mpirun calls instead of ssh: launch.sh NODE COMMAND…
node=$1
shift
echo "$*" > "$AZ_BATCH_NODE_MOUNTS_DIR/doors/mpi-$AZ_BATCH_JOB_ID-$AZ_BATCH_TASK_ID/$node"
