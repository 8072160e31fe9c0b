import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "@kyanite/runtime";

/** How long a connection may be without use; no limit is on what a stream takes in all. */
export interface SocketLimits {
  /** From the connection, or the request before, to the end of a request's head. */
  readonly headSeconds: number;
  /** Without a byte in either direction while a request is under way. */
  readonly idleSeconds: number;
  /** Between two requests. */
  readonly keptSeconds: number;
  /** For which the rest of a body is thrown away after its answer, so that the client comes to read that. */
  readonly discardSeconds: number;
}

export const usualSocketLimits: SocketLimits = {
  headSeconds: 20,
  idleSeconds: 120,
  keptSeconds: 65,
  discardSeconds: 15,
};

/** Room for the longest filter, each of whose characters may take six in a URL. */
export const largestHeadBytes = 64 * 1024;

/** What a server must be made with for its limits to be kept. */
export function limitOptions({ headSeconds, keptSeconds }: SocketLimits) {
  return {
    headersTimeout: headSeconds * 1000,
    // Of whole requests: a body of any length may come, as long as it comes.
    requestTimeout: 0,
    keepAliveTimeout: keptSeconds * 1000,
    connectionsCheckingInterval: Math.min(headSeconds * 250, 1_000),
    handshakeTimeout: headSeconds * 1000,
  };
}

/** Destroys connections of this server that are without use for longer than their limits allow. */
export function limitSockets(server: Server, { idleSeconds, discardSeconds }: SocketLimits, clock: Clock): void {
  server.setTimeout(idleSeconds * 1000);
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    response.once("finish", () => {
      // One that is destroyed has no rest.
      if (!request.complete && !request.destroyed) void discardRest(request, discardSeconds, clock);
    });
  };
  server.prependListener("request", onRequest);
  server.prependListener("checkContinue", onRequest);
}

/** Throws away what still comes of a request that has been answered; its connection ends with what takes too long. */
async function discardRest(request: IncomingMessage, seconds: number, clock: Clock): Promise<void> {
  const over = new AbortController();
  for (const event of ["end", "close"]) request.once(event, () => over.abort());
  request.resume();
  await clock.sleep(seconds * 1000, over.signal);
  if (!over.signal.aborted) request.socket.destroy();
}

const farewellSeconds = 2;

/** Answers a refused upgrade and lets go of its connection, whether or not the client closes its half. */
export async function refuseUpgrade(socket: Duplex, status: string, clock: Clock): Promise<void> {
  const closed = new AbortController();
  socket.once("close", () => closed.abort());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.resume();
  await clock.sleep(farewellSeconds * 1000, closed.signal);
  socket.destroy();
}

/** How long a request that is under way may take to finish when the server stops. */
const lastRequestSeconds = 10;

/** Takes no more connections, and finishes the requests that are under way. */
export async function closeServer(server: Server, clock: Clock): Promise<void> {
  const closed = new AbortController();
  server.close(() => closed.abort());
  await clock.sleep(lastRequestSeconds * 1000, closed.signal);
  server.closeAllConnections();
}
