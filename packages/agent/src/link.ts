import { createRequire } from "node:module";
import type { AgentReport, ServiceOrder } from "@kyanite/contract";
import { type Clock, type Log, type Outbox, openOutbox } from "@kyanite/runtime";
import { readOrders } from "./orders.ts";

// An import would have Node read each of its files twice, once for their exports: a quarter of the agent's start.
const { WebSocket }: typeof import("ws") = createRequire(import.meta.url)("ws");

export interface LinkOptions {
  /** Asked before each connection. */
  serviceUrl(): Promise<string>;
  readonly headers: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** What is said first on every new connection. */
  hello(): AgentReport;
  heartbeat(): Promise<AgentReport>;
  onOrder(order: ServiceOrder): void;
}

export interface Link {
  /** Sends at once when the link is open, and otherwise not at all: what must arrive is repeated after `welcome`. */
  send(report: AgentReport): void;
  /** Resolves when the node is `removed`, as the service says, or when the signal aborts. */
  readonly closed: Promise<"removed" | "stopped">;
}

const firstPause = 100;
const longestPause = 5_000;
const shortestBeat = 50;

/** Keeps a connection to the service, for as long as it takes. */
export function openLink(options: LinkOptions): Link {
  let say: Outbox<AgentReport> | undefined;
  const keepOpen = async () => {
    for (let failures = 0; !options.signal.aborted; failures += 1) {
      const outcome = await connectOnce(options, (outbox) => {
        say = outbox;
        failures = 0;
      });
      say = undefined;
      if (outcome === "removed") return outcome;
      // Jittered, so that a thousand agents do not come back at the same moment.
      const pause = Math.min(firstPause * 2 ** Math.min(failures, 10), longestPause) * (0.5 + Math.random() / 2);
      await options.clock.sleep(pause, options.signal);
    }
    return "stopped";
  };
  return {
    send: (report) => say?.(report),
    closed: keepOpen(),
  };
}

const goneStatuses = [401, 403, 410];

/** One connection, from opening to end. */
async function connectOnce(
  options: LinkOptions,
  onOpen: (say: Outbox<AgentReport>) => void,
): Promise<"removed" | "lost"> {
  const { headers, log, signal } = options;
  const serviceUrl = await options.serviceUrl();
  if (signal.aborted) return "lost";
  const socket = new WebSocket(`${serviceUrl.replace(/^http/, "ws")}/agent/link`, {
    headers,
    perMessageDeflate: false,
    handshakeTimeout: 10_000,
  });
  const say = openOutbox<AgentReport>((text) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(text);
  });
  const over = new AbortController();
  let outcome: "removed" | "lost" = "lost";
  let isAlive = true;
  const close = () => socket.terminate();
  signal.addEventListener("abort", close, { once: true });
  socket.on("unexpected-response", (_, response) => {
    log.warn("link refused", { status: response.statusCode });
    if (goneStatuses.includes(response.statusCode ?? 0)) outcome = "removed";
    socket.terminate();
  });
  socket.on("error", (error) => log.debug("link failed", { reason: error.message }));
  socket.on("open", () => {
    log.info("link open");
    onOpen(say);
    say(options.hello());
  });
  socket.on("pong", () => {
    isAlive = true;
  });
  socket.on("message", (message) => {
    isAlive = true;
    for (const order of readOrders(message.toString())) take(order);
  });
  const take = (order: ServiceOrder | undefined) => {
    if (order === undefined) return log.error("order not understood");
    if (order.type === "welcome")
      beat(order.heartbeatSeconds).catch((cause: unknown) => log.error("heartbeat failed", { cause }));
    options.onOrder(order);
  };

  let isBeating = false;
  /** A silent link is as good as a closed one: every beat asks for a sign of life. */
  const beat = async (seconds: number) => {
    if (isBeating) return;
    isBeating = true;
    while (!over.signal.aborted) {
      await options.clock.sleep(Math.max(seconds * 1000, shortestBeat), over.signal);
      if (over.signal.aborted) return;
      if (!isAlive) return socket.terminate();
      isAlive = false;
      socket.ping();
      const report = await options.heartbeat().catch((cause: unknown): AgentReport => {
        log.warn("no sample", { cause });
        return { type: "heartbeat" };
      });
      say(report);
    }
  };

  await new Promise((resolve) => socket.once("close", resolve));
  over.abort();
  signal.removeEventListener("abort", close);
  if (isBeating) log.info("link lost");
  return outcome;
}
