// A server as it is, on a database as it is, but for its nodes: those it asks for are handed to whoever started this.
import type { Provider } from "@kyanite/providers";
import { createLog, listenForShutdown, systemClock } from "@kyanite/runtime";
import { defaultSettings, startEmbeddedPostgres, startService } from "@kyanite/service";
import { temporaryDirectory } from "../temporary-directory.ts";
import type { HostMessage } from "./messages.ts";

const [name = "bench", key = ""] = process.argv.slice(2);
const tell = (message: HostMessage) => process.send?.(message);

function simulatedProvider(): Provider {
  const known = new Set<string>();
  return {
    create: async (nodes) => {
      tell({ type: "nodes", nodes: nodes.map(({ nodeId, token }) => ({ nodeId, token })) });
      for (const { nodeId } of nodes) known.add(nodeId);
      return nodes.map(({ nodeId }) => ({ kind: "started", nodeId }));
    },
    remove: async (nodeIds) => {
      for (const nodeId of nodeIds) known.delete(nodeId);
    },
    halt: async () => {},
    list: async () => [...known].map((nodeId) => ({ nodeId, state: "running" })),
    stop: async () => {},
  };
}

using shutdown = listenForShutdown();
const log = createLog("warn");
await using home = await temporaryDirectory();
const postgres = await startEmbeddedPostgres({ dataDirectory: home.path, clock: systemClock, log });
const service = await startService({
  machine: { hasWalls: true, facts: [] },
  address: postgres.connection,
  listen: { host: "127.0.0.1", httpPort: 0 },
  peers: { host: "127.0.0.1", port: 0, name: "127.0.0.1" },
  account: { name, key, replacesKey: true },
  settings: { ...defaultSettings(), dedicatedCoreQuota: 10_000_000 },
  identity: { issuers: [], roleClaim: "roles", defaultRole: undefined },
  storage: [],
  createProvider: async () => simulatedProvider(),
  metricsToken: "metrics",
  clock: systemClock,
  log,
});
tell({
  type: "ready",
  url: service.listening.httpUrl,
  databasePid: postgres.process.pid,
  database: postgres.connection,
});
await new Promise((resolve) => {
  shutdown.signal.addEventListener("abort", resolve, { once: true });
  // Whoever started this has died.
  process.once("disconnect", resolve);
});
await service.stop();
await postgres.stop();
process.disconnect?.();
