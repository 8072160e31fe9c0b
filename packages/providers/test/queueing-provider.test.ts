import { queueingProvider } from "@kyanite/testkit";
import { providerConformance, queueConformance } from "./conformance.ts";

providerConformance("queueing-provider", async () => {
  const queue = queueingProvider({ isOpen: true });
  return { make: async () => queue.provider(), endNode: async (nodeId) => queue.end(nodeId), clean: async () => {} };
});

queueConformance("queueing-provider", async () => {
  const { provider, admit, refuse } = queueingProvider();
  return {
    make: async () => provider(),
    admit: async (nodeId) => admit(nodeId),
    refuse: async (nodeId, reason) => refuse(nodeId, reason),
    clean: async () => {},
  };
});
