import { randomUUID } from "node:crypto";
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { Readable } from "node:stream";
import { BatchError } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { AgentEndpoint } from "./agent-endpoint.ts";
import type { HttpAnswer } from "./answers.ts";
import { allowedOrigin, corsHeaders } from "./cors.ts";
import { createServe, type HttpRequest, type HttpRequestHead, type Serve, type ServeOptions } from "./serve.ts";

export interface ListenOptions {
  readonly host: string;
  /** 0 chooses a free one. */
  readonly httpPort: number;
  /** No HTTPS when absent. */
  readonly httpsPort?: number;
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/** Where the server can be reached; `httpsUrl` is empty without HTTPS. */
export interface Listening {
  readonly httpUrl: string;
  readonly httpsUrl: string;
}

export interface HttpServerOptions extends ServeOptions {
  readonly agents: AgentEndpoint;
  /** Takes uploads that are handed on to the storage; false when a request is something else. */
  readonly relayUpload: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
  /** Pages beside the API that need no credential, such as `/livez`, by their path. */
  readonly pages: Readonly<Record<string, () => Promise<Page>>>;
  /** Origins of web pages elsewhere that may call the API, such as `https://portal.example`. */
  readonly corsOrigins: readonly string[];
}

export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface HttpServer {
  /** @throws when a port is taken, saying which setting to change */
  listen(options: ListenOptions): Promise<Listening>;
  /** Refuses new work and finishes the requests that are under way. */
  close(): Promise<void>;
}

/** Larger bodies are refused unread. */
const largestBodyBytes = 4 * 1024 * 1024;

/** Room for the longest filter, each of whose characters may take six in a URL. */
const largestHeadBytes = 64 * 1024;

/** The only place that knows the HTTP library: turns its requests into ours, and our answers into its. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const app = createApp(createServe(options), options);
  const servers: Server[] = [];
  const start = async (server: Server, port: number, host: string) => {
    server.on("request", (request, response) => {
      answerStreamed(request, response, options)
        .then((isTaken) => isTaken || app.routing(request, response))
        .catch((cause: unknown) => {
          options.log.warn("agent's answer refused", { cause });
          response.destroy();
        });
    });
    server.on("upgrade", (request, socket, head) => void options.agents.upgrade(request, socket, head));
    server.keepAliveTimeout = 65_000;
    servers.push(server);
    return listenOn(server, port, host);
  };
  return {
    listen: async ({ host, httpPort, httpsPort, tls }) => {
      await app.ready();
      const http = await start(createHttp({ maxHeaderSize: largestHeadBytes }), httpPort, host);
      const name = host.includes(":") ? `[${host}]` : host;
      const httpUrl = `http://${name}:${http}`;
      if (httpsPort === undefined || !tls) return { httpUrl, httpsUrl: "" };
      const secure = { cert: tls.certificate, key: tls.key, maxHeaderSize: largestHeadBytes };
      const https = await start(createHttps(secure), httpsPort, host);
      return { httpUrl, httpsUrl: `https://localhost:${https}` };
    },
    close: async () => {
      await Promise.all(servers.map((server) => closeServer(server, options.clock)));
      await app.close();
    },
  };
}

/** What must not be read as a whole before it is looked at; false when a request is something else. */
async function answerStreamed(
  request: IncomingMessage,
  response: ServerResponse,
  { agents, relayUpload }: HttpServerOptions,
): Promise<boolean> {
  return (await agents.handle(request, response)) || (await relayUpload(request, response));
}

function createApp(serve: Serve, options: HttpServerOptions): FastifyInstance {
  const app = fastify({
    bodyLimit: largestBodyBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: false,
    frameworkErrors: (cause, request, reply) => {
      options.log.debug("request not read", { cause });
      const error = new BatchError("RequestUrlFailedToParse", { Reason: "The path is not encoded correctly" });
      return send(reply, serve.refuse(headOf(request), error));
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((cause, request, reply) => {
    options.log.debug("request not read", { cause });
    return send(reply, serve.refuse(headOf(request), refusalOf(cause)));
  });
  app.setNotFoundHandler((request, reply) =>
    send(reply, serve.refuse(headOf(request), new BatchError("UnsupportedHttpVerb"))),
  );
  for (const [path, page] of Object.entries(options.pages))
    app.get(path, async (_request, reply) => {
      const { status, contentType, body } = await page();
      return reply.code(status).type(contentType).send(body);
    });
  app.addHook("onRequest", async (request, reply) => {
    const origin = allowedOrigin(request.headers.origin, options.corsOrigins);
    if (origin === undefined) return;
    reply.headers(corsHeaders(origin));
    if (request.method === "OPTIONS") await reply.code(204).send();
  });
  app.all("/*", (request, reply) => answer(request, reply, serve));
  return app;
}

function refusalOf(cause: unknown): BatchError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE")
    return new BatchError("RequestBodyTooLarge", { MaxLimit: String(largestBodyBytes) });
  return new BatchError("InvalidRequestBody", { Reason: "The body could not be read" });
}

async function answer(request: FastifyRequest, reply: FastifyReply, serve: Serve): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort("gone"));
  const asked: HttpRequest = {
    ...headOf(request),
    body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
    remoteAddress: request.raw.socket.remoteAddress ?? "",
    signal: gone.signal,
  };
  return send(reply, await serve.answer(asked));
}

function headOf(request: FastifyRequest): HttpRequestHead {
  return {
    method: request.method,
    origin: originOf(request.raw),
    target: request.raw.url ?? "/",
    headers: request.headers,
    requestId: randomUUID(),
  };
}

function send(reply: FastifyReply, { status, headers, body, reason }: HttpAnswer): FastifyReply {
  reply.code(status).headers(headers);
  if (reason !== undefined) reply.raw.statusMessage = reason.replace(/[^\x20-\x7e]/g, " ");
  if (body instanceof Readable) reply.raw.once("close", () => body.destroy());
  // Of a text the library would rewrite the content type; bytes it sends as they are.
  return reply.send(typeof body === "string" ? Buffer.from(body) : body);
}

function originOf(request: IncomingMessage): string {
  const scheme = "encrypted" in request.socket && request.socket.encrypted ? "https" : "http";
  return `${scheme}://${request.headers.host ?? `${request.socket.localAddress}:${request.socket.localPort}`}`;
}

/** @returns the real port */
function listenOn(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Error(`Cannot listen on ${host}:${port}: ${explain(cause)}`, { cause })),
    );
    server.listen({ port, host }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function explain(cause: Error): string {
  if ("code" in cause && cause.code === "EADDRINUSE")
    return "the port is in use. Stop what uses it, or choose another with --http-port and --https-port (0 takes a free one)";
  return cause.message;
}

/** How long a request that is under way may take to finish when the server stops. */
const lastRequestSeconds = 10;

async function closeServer(server: Server, clock: Clock): Promise<void> {
  const closed = new AbortController();
  server.close(() => closed.abort());
  await clock.sleep(lastRequestSeconds * 1000, closed.signal);
  server.closeAllConnections();
}
