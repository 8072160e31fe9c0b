#!/bin/sh
# What mpirun calls instead of ssh: launch.sh NODE COMMAND…
node=$1
shift
echo "$*" > "/tmp/mpi-$AZ_BATCH_JOB_ID-$AZ_BATCH_TASK_ID/$node"
