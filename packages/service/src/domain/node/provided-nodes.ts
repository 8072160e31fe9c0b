import { type Node, releasedStates } from "./node.ts";

/** As much of a node as decides what its provider should do about it. */
export type NodeToProvide = Pick<
  Node,
  "pk" | "id" | "state" | "runningTasks" | "retainsData" | "retainedUntil" | "startFailures" | "pendingReason"
>;

/** A node, and what its pool says about it, as far as a provider can go by that. */
export interface NodeToMake extends Pick<Node, "id" | "isDedicated"> {
  readonly vmSize: string;
  readonly cores: number;
  readonly poolId: string;
  readonly accountName: string;
  readonly metadata: readonly { readonly name: string; readonly value: string }[];
}

/** A node as its provider knows it. */
type ProvidedNode =
  | { readonly nodeId: string; readonly state: "running" | "ended" }
  | { readonly nodeId: string; readonly state: "pending" | "failed"; readonly reason: string };

export interface NodeToStart extends NodeToProvide {
  /** Why its provider has given it up since it was asked for it. */
  readonly failure?: string | undefined;
}

/** What a provider should do about the nodes that the database has. */
export interface Difference {
  /** Those that have failed least often come first. */
  readonly start: readonly NodeToStart[];
  /** Nodes that leave for good. */
  readonly going: readonly NodeToProvide[];
  /** Ids at the provider of nodes that should not be there. */
  readonly remove: readonly string[];
  /** Leaving nodes of which it is not known yet how long they have to keep files. */
  readonly retaining: readonly NodeToProvide[];
  /** Nodes of which it is news why they are not there yet, or that nothing keeps them any more. */
  readonly reasons: readonly { readonly pk: number; readonly reason: string | null }[];
}

/** States in which a node is not started when its provider does not run it. */
const notStarted: ReadonlySet<Node["state"]> = new Set([...releasedStates, "preempted"]);

/** Whether a node is started when its provider does not run it: one that is leaving only to show what it keeps. */
const isStarted = ({ state, retainsData }: NodeToProvide) =>
  !notStarted.has(state) && (state !== "leavingpool" || retainsData);

/**
 * Compares the nodes that should be with those that a provider has. A released node keeps what it has there, a
 * preempted one does not; one that is leaving goes when its last task has ended and its files need no longer be kept.
 */
export function differenceOf(
  nodes: readonly NodeToProvide[],
  provided: readonly ProvidedNode[],
  now: Date,
): Difference {
  const present = provided.filter(({ state }) => state === "running" || state === "pending");
  const coming = new Set(present.map(({ nodeId }) => nodeId));
  const done = nodes.filter(({ state, runningTasks }) => state === "leavingpool" && runningTasks === 0);
  const going = done.filter(
    ({ retainsData, retainedUntil: until }) => !retainsData || (until !== null && until <= now),
  );
  const lost = new Set([...going, ...nodes.filter(({ state }) => state === "preempted")]);
  const staying = new Set(nodes.filter((node) => !lost.has(node)).map(({ id }) => id));
  const failures = new Map(provided.flatMap((node) => (node.state === "failed" ? [[node.nodeId, node.reason]] : [])));
  const waiting = new Map(provided.flatMap((node) => (node.state === "pending" ? [[node.nodeId, node.reason]] : [])));
  return {
    start: nodes
      .filter((node) => isStarted(node) && !lost.has(node) && !coming.has(node.id))
      .map((node) => ({ ...node, failure: failures.get(node.id) }))
      .sort((one, other) => one.startFailures - other.startFailures),
    going,
    remove: provided.map(({ nodeId }) => nodeId).filter((id) => !staying.has(id)),
    retaining: done.filter(({ retainsData, retainedUntil }) => retainsData && retainedUntil === null),
    reasons: nodes
      .map(({ pk, id, pendingReason }) => ({ pk, before: pendingReason, reason: waiting.get(id) ?? null }))
      .filter(({ before, reason }) => before !== reason)
      .map(({ pk, reason }) => ({ pk, reason })),
  };
}
