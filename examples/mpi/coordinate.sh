#!/bin/sh
# Coordination command of every instance: opens this node's door and, in the background, runs what comes through it.
# Local nodes share a machine, so a named pipe in a share of the pool does what sshd does between machines.
set -e
doors="$AZ_BATCH_NODE_MOUNTS_DIR/doors/mpi-$AZ_BATCH_JOB_ID-$AZ_BATCH_TASK_ID"
# The id of a node is no host name: too long, and with underscores.
node="node$(printf %s "$AZ_BATCH_NODE_ID" | cksum | cut -d ' ' -f 1)"
door="$doors/$node"
# Each node has a place of its own for what Open MPI puts there, as it would have on another machine.
TMPDIR="${TMPDIR:-/tmp}/$node"
export TMPDIR
mkdir -p "$TMPDIR"
# The common files have another path on each node; in its own /tmp they get one that is the same on all.
place="/tmp/mpi-$AZ_BATCH_JOB_ID-$AZ_BATCH_TASK_ID"
ln -sfn "$AZ_BATCH_TASK_SHARED_DIR" "$place"
# Each node has a user of its own, and all of them come in here.
mkdir -m 777 "$doors" 2>/dev/null || test -d "$doors"
rm -f "$door"
mkfifo -m 622 "$door"
(
  trap 'rm -f "$door" "$place"; rmdir "$doors" 2>/dev/null; exit' TERM
  # Opened for writing as well, so that it does not end when a writer leaves.
  while IFS= read -r command; do sh -c "$command" & done <> "$door"
) &
