/** An id as the service gives it to its nodes: opaque, with the kind of node at its end. */
export function newNodeId(hex64: string, isDedicated: boolean): string {
  return `tvmps_${hex64}_${isDedicated ? "d" : "p"}`;
}

/** What clients may send back to have a task placed on this node. */
export function affinityId(nodeId: string): string {
  return `TVM:${nodeId}`;
}
