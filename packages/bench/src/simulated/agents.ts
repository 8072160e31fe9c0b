// Agents that say what an agent says, and start nothing: a run has succeeded as soon as it is ordered.
import type { AgentReport, ServiceOrder } from "@kyanite/contract";
import { openOutbox } from "@kyanite/runtime";
import { WebSocket } from "ws";
import type { AgentsMessage, SimulatedNode } from "./messages.ts";

/** The nodes that come together are those of one host. */
function connect(nodes: readonly SimulatedNode[], url: string): void {
  const [first] = nodes;
  if (!first) return;
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/agent/link`, {
    headers: {
      authorization: `Bearer ${first.token}`,
      "x-kyanite-node": first.nodeId,
      "x-kyanite-host": `host of ${first.nodeId}`,
    },
    perMessageDeflate: false,
  });
  const say = openOutbox<AgentReport>("reports", (text) => socket.send(text));
  const bootTime = new Date().toISOString();
  const hello = { agentVersion: "0.0.0", bootTime, ipAddress: "127.0.0.1", cores: 4, memoryBytes: 16e9 };
  const host = { provider: "simulated", labels: {} };
  socket.on("open", () => {
    for (const { nodeId, token } of nodes) say(nodeId, { type: "hello", token, ...host, ...hello, runIds: [] });
  });
  const take = (nodeId: string, order: ServiceOrder) => {
    if (order.type === "welcome") setInterval(() => say(nodeId, { type: "heartbeat" }), order.heartbeatSeconds * 1000);
    if (order.type !== "run") return;
    const now = new Date().toISOString();
    const { runId } = order.order;
    say(nodeId, { type: "finished", runId, startTime: now, endTime: now, exit: { kind: "exited", exitCode: 0 } });
  };
  socket.on("message", (data) => {
    const message: { nodeId: string; orders: ServiceOrder[] }[] = JSON.parse(String(data));
    for (const { nodeId, orders } of message) for (const order of orders) take(nodeId, order);
  });
  socket.on("error", () => {});
}

process.once("disconnect", () => process.exit());
process.on("message", ({ url, nodes }: AgentsMessage) => {
  connect(nodes, url);
});
