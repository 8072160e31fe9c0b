import type { CreateOutcome, NodeRequest, ProvidedNode, Provider } from "@kyanite/providers";

interface Entry {
  readonly request: NodeRequest;
  readonly node: ProvidedNode;
}

/** An engine whose nodes wait until a test lets them in; no agent runs there. */
export interface Queue {
  /** Each knows the same nodes, as after a restart. */
  provider(): Provider;
  /** What it was asked for, and has not removed. */
  requests(): readonly NodeRequest[];
  /** Lets a node in that waits. */
  admit(nodeId: string): void;
  /** Gives a node up that waits. */
  refuse(nodeId: string, reason: string): void;
  /** Has a node end by itself. */
  end(nodeId: string): void;
}

const waits = "waits for a place";

/** @param isOpen whether nodes are let in by themselves, a moment after they were asked for */
export function queueingProvider({ isOpen = false }: { readonly isOpen?: boolean } = {}): Queue {
  const entries = new Map<string, Entry>();
  const become = (node: ProvidedNode, from: readonly ProvidedNode["state"][]) => {
    const entry = entries.get(node.nodeId);
    if (entry && from.includes(entry.node.state)) entries.set(node.nodeId, { ...entry, node });
  };
  const admit = (nodeId: string) => become({ nodeId, state: "running" }, ["pending"]);
  const end = (nodeId: string) => become({ nodeId, state: "ended" }, ["pending", "running", "failed"]);
  const create = (request: NodeRequest): CreateOutcome => {
    const { nodeId } = request;
    const found = entries.get(nodeId)?.node;
    if (found?.state === "running") return { kind: "started", nodeId };
    if (found?.state !== "pending") {
      entries.set(nodeId, { request, node: { nodeId, state: "pending", reason: waits } });
      if (isOpen) setImmediate(admit, nodeId);
    }
    return { kind: "pending", nodeId, reason: waits };
  };
  const provider = (): Provider => {
    let isStopped = false;
    return {
      create: async (requests) =>
        requests.map((request) =>
          isStopped ? { kind: "failed", nodeId: request.nodeId, reason: "the provider is stopping" } : create(request),
        ),
      remove: async (nodeIds) => {
        for (const nodeId of nodeIds) entries.delete(nodeId);
      },
      halt: async (nodeIds) => {
        for (const nodeId of nodeIds) end(nodeId);
      },
      list: async () => [...entries.values()].map(({ node }) => node),
      stop: async () => {
        isStopped = true;
        for (const nodeId of entries.keys()) end(nodeId);
      },
    };
  };
  return {
    provider,
    requests: () => [...entries.values()].map(({ request }) => request),
    admit,
    refuse: (nodeId, reason) => become({ nodeId, state: "failed", reason }, ["pending"]),
    end,
  };
}
