// Agents that say what an agent says, and start nothing: a run has succeeded as soon as it is ordered.
import type { AgentReport, ServiceOrder } from "@kyanite/contract";
import { openOutbox } from "@kyanite/runtime";
import { WebSocket } from "ws";
import type { AgentsMessage, SimulatedNode } from "./messages.ts";

function connect({ nodeId, token }: SimulatedNode, url: string): void {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/agent/link`, {
    headers: { authorization: `Bearer ${token}`, "x-kyanite-node": nodeId },
    perMessageDeflate: false,
  });
  const say = openOutbox<AgentReport>((text) => socket.send(text));
  const bootTime = new Date().toISOString();
  socket.on("open", () =>
    say({
      type: "hello",
      nodeId,
      agentVersion: "0.0.0",
      bootTime,
      ipAddress: "127.0.0.1",
      cores: 4,
      memoryBytes: 16e9,
      runIds: [],
    }),
  );
  const take = (order: ServiceOrder) => {
    if (order.type === "welcome") setInterval(() => say({ type: "heartbeat" }), order.heartbeatSeconds * 1000);
    if (order.type !== "run") return;
    const now = new Date().toISOString();
    const { runId } = order.order;
    say({ type: "finished", runId, startTime: now, endTime: now, exit: { kind: "exited", exitCode: 0 } });
  };
  socket.on("message", (data) => {
    const orders: ServiceOrder[] = JSON.parse(String(data));
    for (const order of orders) take(order);
  });
  socket.on("error", () => {});
}

process.once("disconnect", () => process.exit());
process.on("message", ({ url, nodes }: AgentsMessage) => {
  for (const node of nodes) connect(node, url);
});
