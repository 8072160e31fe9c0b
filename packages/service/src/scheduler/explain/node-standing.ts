import type { ComputeNodeState, Remedy } from "@kyanite/contract";
import { advice, call } from "./finding.ts";
import type { NodeGroup } from "./pool-facts.ts";
import { are, count, have } from "./words.ts";

interface Standing {
  /** After the number of nodes and `is` or `are`, unless it says otherwise. */
  readonly text: string;
  readonly hasVerb?: true;
  /** Whether such a node takes tasks again by itself. */
  readonly comes: boolean;
  readonly remedy?: (place: { readonly poolId: string; readonly nodeId: string }) => Remedy;
}

const reboot = (place: { readonly poolId: string; readonly nodeId: string }) =>
  call("Reboot the node", "ComputeNode_Reboot", place);

/** What a node's state means to those who wait for nodes. */
const standings: Readonly<Record<ComputeNodeState, Standing>> = {
  creating: { text: "being created", comes: true },
  starting: { text: "starting", comes: true },
  waitingforstarttask: { text: "running the start task", comes: true },
  rebooting: { text: "rebooting", comes: true },
  reimaging: { text: "being reimaged", comes: true },
  upgradingos: { text: "upgrading the operating system", comes: true },
  idle: { text: "idle", comes: true },
  running: { text: "running tasks", comes: true },
  starttaskfailed: {
    text: "a failed start task",
    hasVerb: true,
    comes: false,
    remedy: (place) => call("Run the start task again", "ComputeNode_RerunStartTask", place),
  },
  unusable: { text: "unusable", comes: false, remedy: reboot },
  unknown: { text: "out of reach, and will be restarted", comes: true },
  offline: {
    text: "closed to tasks",
    comes: false,
    remedy: (place) => call("Open the node to tasks", "ComputeNode_EnableScheduling", place),
  },
  leavingpool: { text: "leaving the pool", comes: false },
  preempted: { text: "preempted, and will come back", comes: true },
  deallocating: { text: "being released", comes: false },
  deallocated: {
    text: "released",
    comes: false,
    remedy: (place) => call("Start the node", "ComputeNode_Start", place),
  },
};

/** Scheduling may be disabled in any state; a node that works is `running` still. */
const standingOf = ({ state, schedulingState }: NodeGroup): Standing =>
  schedulingState === "disabled" && (state === "running" || state === "idle") ? standings.offline : standings[state];

/** Such as `2 are starting`, `1 has a failed start task`. */
export function standingText(group: NodeGroup): string {
  const { text, hasVerb } = standingOf(group);
  return `${group.nodes} ${hasVerb ? have(group.nodes) : are(group.nodes)} ${text}`;
}

/** Whether nodes that take no tasks will do so without anybody's doing. */
export function comes(group: NodeGroup): boolean {
  return standingOf(group).comes;
}

/** What would bring the first node of a group back, when somebody has to. */
export function remediesFor(poolId: string, group: NodeGroup): Remedy[] {
  const remedy = standingOf(group).remedy?.({ poolId, nodeId: group.nodeId });
  if (!remedy) return [];
  if (group.nodes === 1) return [remedy];
  return [remedy, advice(`The same for the ${count(group.nodes - 1, "other node")} in this state`)];
}
