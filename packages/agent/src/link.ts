import { createRequire } from "node:module";
import type { AgentReport, ServiceOrder } from "@kyanite/contract";
import { type Clock, type Log, type Outbox, openOutbox } from "@kyanite/runtime";
import { readOrders } from "./orders.ts";

// An import would have Node read each of its files twice, once for their exports: a quarter of the agent's start.
const { WebSocket }: typeof import("ws") = createRequire(import.meta.url)("ws");

/** With what a link is opened: as one of the host's nodes. The others join it, each with its own token. */
export interface Credential {
  readonly nodeId: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface LinkOptions {
  /** Asked before each connection. */
  serviceUrl(): Promise<string>;
  /** Of the next connection; resolves when the host has a node. */
  credential(): Promise<Credential | undefined>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** The link is open: everybody has to say hello. */
  onOpen(): void;
  /** It is time for every node to show that it is there. */
  onBeat(): Promise<void>;
  onOrder(nodeId: string, order: ServiceOrder): void;
  /** The service does not know the node, or not any more. */
  onRefused(nodeId: string): void;
}

export interface Link {
  /** Sends at once when the link is open, and otherwise not at all: what must arrive is repeated after `welcome`. */
  send: Outbox<AgentReport>;
  /** Whether the service is away: there is no link on which it has answered. */
  isAway(): boolean;
  /** Resolves when the signal aborts. */
  readonly closed: Promise<void>;
}

const firstPause = 100;
const longestPause = 5_000;
const shortestBeat = 50;

/** Keeps a connection to the service, for as long as it takes. */
export function openLink(options: LinkOptions): Link {
  let say: Outbox<AgentReport> | undefined;
  let isAway = true;
  const keepOpen = async () => {
    for (let failures = 0; !options.signal.aborted; failures += 1) {
      const credential = await options.credential();
      if (!credential) return;
      const outcome = await connectOnce(options, credential, {
        onOpen: (outbox) => {
          say = outbox;
          options.onOpen();
        },
        // A link that is closed before, as when hello is refused, is no better than none.
        onWelcome: () => {
          failures = 0;
          isAway = false;
        },
      });
      say = undefined;
      isAway = true;
      if (outcome === "refused") {
        // Another node may be known yet.
        options.onRefused(credential.nodeId);
        continue;
      }
      // Jittered, so that a thousand agents do not come back at the same moment.
      const pause = Math.min(firstPause * 2 ** Math.min(failures, 10), longestPause) * (0.5 + Math.random() / 2);
      await options.clock.sleep(pause, options.signal);
    }
  };
  return {
    send: (nodeId, report) => say?.(nodeId, report),
    isAway: () => isAway,
    closed: keepOpen(),
  };
}

const goneStatuses = [401, 403, 410];

interface Milestones {
  onOpen(say: Outbox<AgentReport>): void;
  onWelcome(): void;
}

/** One connection, from opening to end. */
async function connectOnce(
  options: LinkOptions,
  { headers }: Credential,
  { onOpen, onWelcome }: Milestones,
): Promise<"refused" | "lost"> {
  const { log, signal } = options;
  const serviceUrl = await options.serviceUrl();
  if (signal.aborted) return "lost";
  const socket = new WebSocket(`${serviceUrl.replace(/^http/, "ws")}/agent/link`, {
    headers,
    perMessageDeflate: false,
    handshakeTimeout: 10_000,
  });
  const say = openOutbox<AgentReport>("reports", (text) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(text);
  });
  const over = new AbortController();
  let outcome: "refused" | "lost" = "lost";
  let isAlive = true;
  const close = () => socket.terminate();
  signal.addEventListener("abort", close, { once: true });
  socket.on("unexpected-response", (_, response) => {
    log.warn("link refused", { status: response.statusCode });
    if (goneStatuses.includes(response.statusCode ?? 0)) outcome = "refused";
    socket.terminate();
  });
  socket.on("error", (error) => log.debug("link failed", { reason: error.message }));
  socket.on("open", () => onOpen(say));
  socket.on("pong", () => {
    isAlive = true;
  });
  socket.on("message", (message) => {
    isAlive = true;
    for (const { nodeId, orders } of readOrders(message.toString())) for (const order of orders) take(nodeId, order);
  });
  const take = (nodeId: string, order: ServiceOrder | undefined) => {
    if (order === undefined) return log.error("order not understood", { nodeId });
    if (order.type === "welcome") {
      onWelcome();
      beat(order.heartbeatSeconds).catch((cause: unknown) => log.error("heartbeat failed", { cause }));
    }
    options.onOrder(nodeId, order);
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
      await options.onBeat();
    }
  };

  await new Promise((resolve) => socket.once("close", resolve));
  over.abort();
  signal.removeEventListener("abort", close);
  if (isBeating) log.info("link lost");
  return outcome;
}
