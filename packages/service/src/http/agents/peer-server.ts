import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { json } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { BatchError, FilesAnswer, NodeRequest } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { closeServer, largestHeadBytes, limitOptions, limitSockets, usualSocketLimits } from "../sockets.ts";
import type { LinkedFiles } from "./linked-files.ts";
import { filesAnswerHeader, readFilesAnswer } from "./node-files.ts";
import { answeringTls } from "./peer-tls.ts";

/** What one server asks another for, at `/files`. It is answered as an agent answers, by header and body. */
export const PeerRequest = Type.Object({ nodePk: Type.Integer(), request: NodeRequest });
export type PeerRequest = Static<typeof PeerRequest>;

export interface PeerServerOptions {
  /** Reaches the nodes that are connected to this server, and no others: nothing is relayed twice. */
  readonly linked: LinkedFiles;
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
}

export interface PeerServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Lets the other servers of this database reach the nodes that are connected to this one.
 * @throws when the port is taken
 */
export async function startPeerServer(
  { host, port }: { readonly host: string; readonly port: number },
  options: PeerServerOptions,
): Promise<PeerServer> {
  const { secret, clock } = options;
  const server = createServer(
    { ...answeringTls(secret), ...limitOptions(usualSocketLimits), maxHeaderSize: largestHeadBytes },
    (request, response) => void serve(request, response, options),
  );
  limitSockets(server, usualSocketLimits, clock);
  server.listen({ host, port });
  await once(server, "listening").catch((cause: Error) => {
    throw new Error(`Cannot listen for other servers on ${host}:${port}: ${cause.message}`, { cause });
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () => closeServer(server, clock),
  };
}

async function serve(request: IncomingMessage, response: ServerResponse, options: PeerServerOptions): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort("gone"));
  const requestId = /^\/answers\/([0-9a-f-]{36})$/.exec(request.url ?? "")?.[1];
  try {
    if (requestId === undefined) await answer(request, response, { ...options, signal: gone.signal });
    else take(requestId, request, { response, linked: options.linked });
  } catch (cause) {
    const refusal = refusalOf(cause);
    if (refusal && !response.headersSent) return void response.writeHead(200, filesAnswerHeader(refusal)).end();
    // Whoever has asked sees that the answer has no end.
    response.destroy();
    if (!gone.signal.aborted) options.log.warn("answer to another server broken off", { cause });
  }
}

async function answer(
  asked: IncomingMessage,
  response: ServerResponse,
  { linked, signal }: Pick<PeerServerOptions, "linked"> & { readonly signal: AbortSignal },
): Promise<void> {
  const { nodePk, request } = Value.Parse(PeerRequest, await json(asked));
  const reply = await linked.request(nodePk, request, signal);
  response.writeHead(200, filesAnswerHeader(reply.answer)).flushHeaders();
  await pipeline(reply.body, response);
}

/** Takes an agent's answer to what this server has asked it, which came to another one. */
function take(
  requestId: string,
  brought: IncomingMessage,
  { response, linked }: Pick<PeerServerOptions, "linked"> & { readonly response: ServerResponse },
): void {
  const end = (status: number) => response.writeHead(status, { "content-length": 0 }).end();
  if (!linked.answer(requestId, readFilesAnswer(brought), brought)) return void end(404);
  brought.once("close", () => end(204));
}

function refusalOf(cause: unknown): FilesAnswer | undefined {
  if (!(cause instanceof BatchError)) return undefined;
  const answer = { outcome: "error", code: cause.code, reason: String(cause.values.Reason) };
  return Value.Check(FilesAnswer, answer) ? answer : undefined;
}
