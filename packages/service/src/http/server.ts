import { randomUUID } from "node:crypto";
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttps, type Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { BatchError } from "@kyanite/contract";
import { whole } from "@kyanite/runtime";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { AgentEndpoint } from "./agents/endpoint.ts";
import type { HttpAnswer } from "./answers.ts";
import { type BodyBounds, type Rooms, roomsFor, usualBodyBounds } from "./bodies.ts";
import { allowedOrigin, corsHeaders } from "./cors.ts";
import type { Trailers } from "./handler.ts";
import { listenOn } from "./listening.ts";
import { createServe, type HttpRequest, type HttpRequestHead, type Serve, type ServeOptions } from "./serve.ts";
import {
  closeServer,
  largestHeadBytes,
  limitOptions,
  limitSockets,
  type SocketLimits,
  usualSocketLimits,
} from "./sockets.ts";
import { SpelledResponse } from "./spelled-response.ts";
import { UpgradableRequest } from "./upgrades.ts";

/** A certificate and its private key, in PEM. */
export interface Tls {
  readonly certificate: string;
  readonly key: string;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 chooses a free one. */
  readonly httpPort: number;
  /** No HTTPS when absent. */
  readonly httpsPort?: number;
  readonly tls?: Tls;
  /** Other than the usual ones. */
  readonly limits?: Partial<SocketLimits & BodyBounds>;
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
  /** Pages beside the API that need no credential, such as `/livez`, by their path; `?verbose` asks them for more. */
  readonly pages: Readonly<Record<string, (isVerbose: boolean) => Promise<PlainPage>>>;
  /** Where clients elsewhere reach this server, if it is told, such as `https://batch.example`. */
  readonly publicUrl?: URL;
  /** Origins of web pages elsewhere that may call the API, such as `https://portal.example`. */
  readonly corsOrigins: readonly string[];
}

export interface PlainPage {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface HttpServer {
  /** @throws when a port is taken, saying which setting to change */
  listen(options: ListenOptions): Promise<Listening>;
  /** From here on new connections are shown another certificate. */
  useCertificate(tls: Tls): void;
  /** Refuses new work and finishes the requests that are under way. */
  close(): Promise<void>;
}

/** The only place that knows the HTTP library: turns its requests into ours, and our answers into its. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const servers: Server[] = [];
  const secured: HttpsServer[] = [];
  return {
    listen: async ({ host, httpPort, httpsPort, tls, limits }) => {
      const socketLimits = { ...usualSocketLimits, ...limits };
      const take = await createTaker(options, roomsFor({ ...usualBodyBounds, ...limits }, options.clock));
      const start = (server: Server, port: number) => {
        limitSockets(server, socketLimits, options.clock);
        // Who waits to be asked for a body is asked when it is read.
        server.on("request", take).on("checkContinue", take);
        server.on("upgrade", (request, socket, head) => void options.agents.upgrade(request, socket, head));
        servers.push(server);
        return listenOn(server, port, host);
      };
      const settings = {
        ...limitOptions(socketLimits),
        maxHeaderSize: largestHeadBytes,
        IncomingMessage: UpgradableRequest,
        ServerResponse: SpelledResponse,
      };
      const http = await start(createHttp(settings), httpPort);
      const name = host.includes(":") ? `[${host}]` : host;
      const httpUrl = `http://${name}:${http}`;
      if (httpsPort === undefined || !tls) return { httpUrl, httpsUrl: "" };
      const secure = createHttps({ ...settings, cert: tls.certificate, key: tls.key });
      secured.push(secure);
      const https = await start(secure, httpsPort);
      return { httpUrl, httpsUrl: `https://localhost:${https}` };
    },
    useCertificate: ({ certificate, key }) => {
      for (const server of secured) server.setSecureContext({ cert: certificate, key });
    },
    close: async () => {
      await Promise.all(servers.map((server) => closeServer(server, options.clock)));
    },
  };
}

type Taker = (request: IncomingMessage, response: ServerResponse) => void;

/** What takes a request, whichever part of the service it is for. */
async function createTaker(options: HttpServerOptions, rooms: Rooms): Promise<Taker> {
  const app = createApp(createServe(options), options, rooms);
  await app.ready();
  return (request, response) => {
    answerStreamed(request, response, options)
      .then((isTaken) => isTaken || app.routing(request, response))
      .catch((cause: unknown) => {
        options.log.warn("agent's answer refused", { cause });
        response.destroy();
      });
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

function createApp(serve: Serve, options: HttpServerOptions, rooms: Rooms): FastifyInstance {
  const app = fastify({
    exposeHeadRoutes: false,
    forceCloseConnections: false,
    frameworkErrors: (cause, request, reply) => {
      options.log.debug("request not read", { cause });
      const error = new BatchError("RequestUrlFailedToParse", { Reason: "The path is not encoded correctly" });
      return send(reply, serve.refuse(headOf(request, options), error));
    },
  });
  app.removeAllContentTypeParsers();
  // Nobody's body is read before it is known who sends it.
  app.addContentTypeParser("*", (_request, _body, done) => done(null));
  app.setErrorHandler((cause, request, reply) => {
    options.log.debug("request not read", { cause });
    const error = new BatchError("InvalidRequestBody", { Reason: "The request could not be read" });
    return send(reply, serve.refuse(headOf(request, options), error));
  });
  app.setNotFoundHandler((request, reply) =>
    send(reply, serve.refuse(headOf(request, options), new BatchError("UnsupportedHttpVerb"))),
  );
  for (const [path, page] of Object.entries(options.pages))
    app.get(path, async (request, reply) => {
      const { status, contentType, body } = await page(/[?&]verbose(=|&|$)/.test(request.url));
      return reply.code(status).type(contentType).send(body);
    });
  app.addHook("onRequest", async (request, reply) => {
    if (hostOf(request.raw) === undefined) {
      const error = new BatchError("InvalidHeaderValue", { HeaderName: "Host", Reason: "Not the name of one host" });
      return send(reply, serve.refuse(headOf(request, options), error));
    }
    const own = originOf(request.raw, options);
    const origin = allowedOrigin(request.headers.origin, { own, allowed: options.corsOrigins });
    if (origin === undefined) return;
    reply.headers(corsHeaders(origin));
    if (request.method === "OPTIONS") await reply.code(204).send();
  });
  app.all("/*", (request, reply) => answer(request, reply, { serve, rooms, head: headOf(request, options) }));
  return app;
}

interface Answering {
  readonly serve: Serve;
  readonly rooms: Rooms;
  readonly head: HttpRequestHead;
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { serve, rooms, head }: Answering,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort("gone"));
  const asked: HttpRequest = {
    ...head,
    readBody: (largestBytes) => rooms.known.read(request.raw, reply.raw, largestBytes),
    readStrangersBody: (largestBytes) => rooms.strangers.read(request.raw, reply.raw, largestBytes),
    remoteAddress: request.raw.socket.remoteAddress ?? "",
    signal: gone.signal,
  };
  return send(reply, await serve.answer(asked));
}

function headOf(request: FastifyRequest, options: Pick<HttpServerOptions, "publicUrl">): HttpRequestHead {
  return {
    method: request.method,
    origin: originOf(request.raw, options),
    target: request.raw.url ?? "/",
    headers: request.headers,
    requestId: randomUUID(),
  };
}

function send(reply: FastifyReply, answer: HttpAnswer): FastifyReply {
  const { status, headers, body, reason } = answer;
  reply.code(status).headers(headers);
  if (reason !== undefined) reply.raw.statusMessage = reason.replace(/[^\x20-\x7e]/g, " ");
  // Of a text the library would rewrite the content type; bytes it sends as they are.
  if (!(body instanceof Readable)) return reply.send(body === undefined ? body : Buffer.from(body));
  reply.raw.once("close", () => body.destroy());
  if (answer.trailers) return sendLasting(reply, body, answer.trailers);
  const length = headers["content-length"];
  return reply.send(length === undefined ? body : Readable.from(whole(body, Number(length)), { objectMode: false }));
}

/** A connection on which nothing is to be said is asked now and then whether it is still there. */
const probeMilliseconds = 30_000;

/**
 * Sends what goes on for as long as it has to. It may have nothing to say for long, so only a client that does not take
 * what there is for it is given up.
 */
function sendLasting(reply: FastifyReply, body: Readable, { names, read }: Trailers): FastifyReply {
  const { raw } = reply;
  reply.header("trailer", names.join(", "));
  reply.hijack();
  raw.socket?.setKeepAlive(true, probeMilliseconds);
  raw.on("timeout", () => raw.writableNeedDrain && raw.destroy());
  for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
  raw.writeHead(reply.statusCode).flushHeaders();
  body.once("end", () => raw.addTrailers(read()));
  body.once("error", () => raw.destroy());
  body.pipe(raw);
  return reply;
}

/** Whom the client has asked; undefined when that is not the name of one host. Links in answers are made of it. */
function hostOf({ headersDistinct, socket }: IncomingMessage): string | undefined {
  const [host = here(socket), ...others] = headersDistinct.host ?? [];
  return others.length === 0 && /^([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i.test(host) ? host : undefined;
}

const here = ({ localAddress = "", localPort }: Socket) =>
  `${localAddress.includes(":") ? `[${localAddress}]` : localAddress}:${localPort}`;

/** As the client sees it: behind a proxy that ends TLS the scheme is another than here. */
function originOf(request: IncomingMessage, { publicUrl }: Pick<HttpServerOptions, "publicUrl">): string {
  const host = hostOf(request) ?? here(request.socket);
  if (publicUrl?.host === host.toLowerCase()) return publicUrl.origin;
  return `${"encrypted" in request.socket && request.socket.encrypted ? "https" : "http"}://${host}`;
}
