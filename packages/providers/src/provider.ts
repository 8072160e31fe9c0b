/** A node that a provider is to start. */
export interface NodeRequest {
  /** Letters, digits, `-` and `_`; unique for ever. */
  readonly nodeId: string;
  /** What the node's agent shows to the service. */
  readonly token: string;
  readonly spec: NodeSpec;
}

/** What a node is to be, for providers that choose by it where it comes from. */
export interface NodeSpec {
  /** Such as `standard_d2s_v3`, and what a node of this size has. */
  readonly vmSize: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** A node of low priority may be taken away again. */
  readonly kind: "dedicated" | "lowPriority";
  readonly accountName: string;
  readonly poolId: string;
  /** What the pool's owner says of it. */
  readonly poolMetadata: Readonly<Record<string, string>>;
}

/**
 * What became of one request. `pending`: what the node needs is not there yet, for this reason, and it comes by itself;
 * `list` tells what becomes of it. A node that could not be started may be asked for again.
 */
export type CreateOutcome =
  | { readonly kind: "started"; readonly nodeId: string }
  | { readonly kind: "pending"; readonly nodeId: string; readonly reason: string }
  | { readonly kind: "failed"; readonly nodeId: string; readonly reason: string };

/**
 * A node that a provider knows. `ended`: its agent is gone, and what it left is still there. `failed`: it was pending and
 * will not come, until it is asked for again.
 */
export type ProvidedNode =
  | { readonly nodeId: string; readonly state: "running" | "ended" }
  | { readonly nodeId: string; readonly state: "pending" | "failed"; readonly reason: string };

/**
 * Where compute nodes come from: starts something that runs an agent, and takes it away again. All calls are
 * idempotent by node id and may overlap; what a provider knows outlives it, so that another one made with the same
 * settings finds the nodes again.
 */
export interface Provider {
  /**
   * Brings nodes up: one that runs or is pending is left alone, one that has ended is started again with what it left.
   * What takes longer than a moment is better answered `pending` than waited for.
   */
  create(nodes: readonly NodeRequest[]): Promise<readonly CreateOutcome[]>;
  /** Ends nodes, pending ones too, and forgets them with everything they left. Unknown ones are no error. */
  remove(nodeIds: readonly string[]): Promise<void>;
  /** Ends nodes, but keeps what they left: `create` starts them again. Unknown ones are no error. */
  halt(nodeIds: readonly string[]): Promise<void>;
  list(): Promise<readonly ProvidedNode[]>;
  /** Ends every node, but forgets none, and waits for whatever is still under way. The provider is of no use after. */
  stop(): Promise<void>;
}
