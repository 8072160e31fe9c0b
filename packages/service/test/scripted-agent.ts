import type { AgentReport, RunOrder, ServiceOrder } from "@kyanite/contract";
import type { NodeRequest, Provider } from "@kyanite/providers";
import { until } from "@kyanite/testkit";
import { WebSocket } from "ws";

/** A provider whose nodes a test plays itself. */
export function scriptedNodes() {
  const nodes: NodeRequest[] = [];
  const provider: Provider = {
    create: async (wanted) => {
      nodes.push(...wanted);
      return wanted.map(({ nodeId }) => ({ kind: "started", nodeId }));
    },
    remove: async () => {},
    halt: async () => {},
    list: async () => nodes.map(({ nodeId }) => ({ nodeId, state: "running" })),
    stop: async () => {},
  };
  const first = async () => {
    const [node] = await until(
      async () => nodes,
      ({ length }) => length > 0,
    );
    if (!node) throw new Error("no node was asked for");
    return node;
  };
  return { provider, first };
}

/** An agent that says what a test tells it to, word for word. */
export async function scriptedAgent(url: string, { nodeId, token }: NodeRequest) {
  const orders: ServiceOrder[] = [];
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/agent/link`, {
    headers: { authorization: `Bearer ${token}`, "x-kyanite-node": nodeId, "x-kyanite-host": `host of ${nodeId}` },
  });
  socket.on("message", (data) => {
    const message: { nodeId: string; orders: ServiceOrder[] }[] = JSON.parse(String(data));
    orders.push(...message.flatMap((part) => part.orders));
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const say = (...reports: readonly unknown[]) => socket.send(JSON.stringify([{ nodeId, reports }]));
  say({
    type: "hello",
    token,
    provider: "scripted",
    labels: {},
    agentVersion: "0.0.0",
    bootTime: new Date().toISOString(),
    ipAddress: "127.0.0.1",
    cores: 4,
    memoryBytes: 16e9,
    runIds: [],
  } satisfies AgentReport);
  const acknowledged = () => orders.flatMap((order) => (order.type === "acknowledge" ? order.runIds : []));
  return {
    say,
    isOpen: () => socket.readyState === WebSocket.OPEN,
    /** The last of the requests for files that have come; `count` of them at least. */
    request: async (count = 1): Promise<string> => {
      const ids = await until(
        async () => orders.flatMap((order) => (order.type === "files" ? [order.requestId] : [])),
        ({ length }) => length >= count,
      );
      return ids.at(-1) ?? "";
    },
    /** The run that was ordered as the `count`th. */
    run: async (count = 1): Promise<RunOrder> => {
      const runs = await until(
        async () => orders.flatMap((order) => (order.type === "run" ? [order.order] : [])),
        ({ length }) => length >= count,
      );
      const run = runs[count - 1];
      if (!run) throw new Error("no such run");
      return run;
    },
    whenAcknowledged: (runId: string) =>
      until(
        async () => acknowledged(),
        (runIds) => runIds.includes(runId),
      ),
    close: () => socket.terminate(),
  };
}
