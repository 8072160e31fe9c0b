import { type Node, releasedStates } from "./node.ts";

/** As much of a node as decides what its provider should do about it. */
export type NodeToProvide = Pick<
  Node,
  "pk" | "id" | "state" | "runningTasks" | "retainsData" | "retainedUntil" | "startFailures"
>;

/** A node as its provider knows it. */
interface ProvidedNode {
  readonly nodeId: string;
  readonly state: "running" | "ended";
}

/** What a provider should do about the nodes that the database has. */
export interface Difference {
  /** Those that have failed least often come first. */
  readonly start: readonly NodeToProvide[];
  /** Nodes that leave for good. */
  readonly going: readonly NodeToProvide[];
  /** Ids at the provider of nodes that should not be there. */
  readonly remove: readonly string[];
  /** Leaving nodes of which it is not known yet how long they have to keep files. */
  readonly retaining: readonly NodeToProvide[];
}

/** States in which a node is not started when its provider does not run it. */
const notStarted: ReadonlySet<Node["state"]> = new Set([...releasedStates, "leavingpool", "preempted"]);

/**
 * Compares the nodes that should be with those that a provider has. A released node keeps what it has there, a
 * preempted one does not; one that is leaving goes when its last task has ended and its files need no longer be kept.
 */
export function differenceOf(
  nodes: readonly NodeToProvide[],
  provided: readonly ProvidedNode[],
  now: Date,
): Difference {
  const running = new Set(provided.filter(({ state }) => state === "running").map(({ nodeId }) => nodeId));
  const done = nodes.filter(({ state, runningTasks }) => state === "leavingpool" && runningTasks === 0);
  const going = done.filter(
    ({ retainsData, retainedUntil: until }) => !retainsData || (until !== null && until <= now),
  );
  const lost = new Set([...going, ...nodes.filter(({ state }) => state === "preempted")]);
  const staying = new Set(nodes.filter((node) => !lost.has(node)).map(({ id }) => id));
  return {
    start: nodes
      .filter(({ id, state }) => !notStarted.has(state) && !running.has(id))
      .sort((one, other) => one.startFailures - other.startFailures),
    going,
    remove: provided.map(({ nodeId }) => nodeId).filter((id) => !staying.has(id)),
    retaining: done.filter(({ retainsData, retainedUntil }) => retainsData && retainedUntil === null),
  };
}
