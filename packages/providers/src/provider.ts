/** A node that a provider is to start. */
export interface NodeRequest {
  /** Letters, digits, `-` and `_`; unique for ever. */
  readonly nodeId: string;
  /** What the node's agent shows to the service. */
  readonly token: string;
}

/** What became of one request. A node that could not be started may be asked for again. */
export type CreateOutcome =
  | { readonly kind: "started"; readonly nodeId: string }
  | { readonly kind: "failed"; readonly nodeId: string; readonly reason: string };

/** A node that a provider knows. `ended`: its agent is gone, and what it left is still there. */
export interface ProvidedNode {
  readonly nodeId: string;
  readonly state: "running" | "ended";
}

/**
 * Where compute nodes come from: starts something that runs an agent, and takes it away again. All calls are
 * idempotent by node id and may overlap; what a provider knows outlives it, so that another one made with the same
 * settings finds the nodes again.
 */
export interface Provider {
  /** Brings nodes up: one that runs is left alone, one that has ended is started again with what it left. */
  create(nodes: readonly NodeRequest[]): Promise<readonly CreateOutcome[]>;
  /** Ends nodes and forgets them with everything they left. Unknown ones are no error. */
  remove(nodeIds: readonly string[]): Promise<void>;
  /** Ends nodes, but keeps what they left: `create` starts them again. Unknown ones are no error. */
  halt(nodeIds: readonly string[]): Promise<void>;
  list(): Promise<readonly ProvidedNode[]>;
  /** Ends every node, but forgets none, and waits for whatever is still under way. The provider is of no use after. */
  stop(): Promise<void>;
}
