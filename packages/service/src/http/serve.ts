import type { Readable } from "node:stream";
import {
  type ApiVersion,
  apiVersions,
  BatchError,
  checkDocument,
  isApiVersion,
  metadataOf,
  type Operation,
  readDocument,
  writeDocument,
} from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import { concernsJob, permits } from "../domain/caller.ts";
import { type AuthenticateOptions, authenticate } from "./auth.ts";
import { NotModified, parseConditions } from "./conditions.ts";
import { errorBody, errorSet } from "./errors.ts";
import type { ByteRange, Page, Reply } from "./handler.ts";
import { listRequest, nextLink, selected, selection } from "./lists.ts";
import { type Query, readQuery } from "./query.ts";
import { createRouter, type Route } from "./router.ts";

/** A request, free of the HTTP library. */
export interface HttpRequest {
  readonly method: string;
  /** Scheme and host as the client sees them. */
  readonly origin: string;
  /** Path and query as the client sent them. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly requestId: string;
  readonly remoteAddress: string;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

/** Answers what is not of the data plane; undefined when the request is none of its own. */
export type Extension = (request: HttpRequest) => Promise<HttpAnswer | undefined>;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
  /** The first line of an error's text, which goes into the status line. */
  readonly reason?: string;
}

type AnyHandler = (call: never) => Promise<Reply<unknown>>;

export interface ServeOptions extends AuthenticateOptions {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly handlers: Readonly<Record<string, AnyHandler | undefined>>;
  /** Asked in order before the data plane is. */
  readonly extensions: readonly Extension[];
  /** Whether an error means that the database cannot be reached now. */
  readonly isDatabaseAway: (cause: unknown) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

const jsonType = "application/json;odata=minimalmetadata";
const longestSeconds = 30;
const retryAfterSeconds = "2";
const largestCollectionBytes = 1024 * 1024;

/** Answers a request for an operation of the API; never rejects. */
export type Serve = (request: HttpRequest) => Promise<HttpAnswer>;

export function createServe(options: ServeOptions): Serve {
  const route = createRouter(options.operations);
  return async (request) => {
    const place = placeOf(request);
    try {
      for (const extension of options.extensions) {
        const answered = await extension(request);
        if (answered) return answered;
      }
      return await answerCall(request, place, route, options);
    } catch (cause) {
      return answerError(cause, request, place, options);
    }
  };
}

/** Where a request goes: the account that its URL names, and the path without that. */
interface Place {
  readonly accountName: string | undefined;
  readonly baseUrl: string;
  readonly path: string;
  readonly search: URLSearchParams;
}

/** The account may be named by a prefix, `/accounts/NAME/…`, or by the host, `NAME.localhost`. */
function placeOf({ origin, target }: HttpRequest): Place {
  const at = target.indexOf("?");
  const whole = at === -1 ? target : target.slice(0, at);
  const search = new URLSearchParams(at === -1 ? "" : target.slice(at + 1).replaceAll("+", "%2B"));
  const prefix = /^(\/accounts\/([^/]+))(\/.*)?$/.exec(whole);
  if (prefix)
    return { accountName: prefix[2]?.toLowerCase(), baseUrl: origin + prefix[1], path: prefix[3] ?? "/", search };
  const host = /^https?:\/\/([a-z0-9]{3,24})\.localhost(?::\d+)?$/i.exec(origin)?.[1]?.toLowerCase();
  return { accountName: host, baseUrl: origin, path: whole, search };
}

async function answerCall(
  request: HttpRequest,
  place: Place,
  route: ReturnType<typeof createRouter>,
  options: ServeOptions,
): Promise<HttpAnswer> {
  const version = versionOf(place.search);
  const found = route(request.method, place.path, version);
  const now = options.clock.now();
  const { account, role, jobId } = await authenticate(request, place.accountName, now, options);
  if (!permits(role, found.name, found.operation.method))
    throw new BatchError("InsufficientAccountPermissions", { Reason: `The credential's role is ${role}` });
  if (jobId !== undefined && !concernsJob(jobId, found.operation.path, found.params))
    throw new BatchError("InsufficientAccountPermissions", { Reason: `The task's token is for job ${jobId} only` });
  const handler = options.handlers[found.name];
  if (!handler) throw new BatchError("NotImplemented", { Reason: `${found.name} is not supported by this server yet` });
  const query = readQuery(place.search, found.operation, version);
  const names = selection(query, found.operation);
  const call = {
    account,
    version,
    baseUrl: place.baseUrl,
    requestId: request.requestId,
    params: found.params,
    query,
    body: readBody(request, found.operation, version),
    conditions: parseConditions(request.headers, request.method === "GET" || request.method === "HEAD"),
    list: listRequest(query, found.operation),
    ...rangeOf(request, found.operation),
    now,
    signal: request.signal,
  };
  const reply = await inTime(invoke(handler, call), query, options.clock);
  return answerReply(reply, { request, place, route: found, version, names });
}

/** The call fits its operation by construction: its parts were read by that operation's own schemas. */
function invoke(handler: AnyHandler, call: object): Promise<Reply<unknown>> {
  return Reflect.apply(handler, undefined, [call]);
}

function versionOf(search: URLSearchParams): ApiVersion {
  const given = [...search].find(([name]) => name.toLowerCase() === "api-version")?.[1];
  if (given === undefined || given === "")
    throw new BatchError("MissingRequiredQueryParameter", { QueryParameterName: "api-version" });
  if (isApiVersion(given)) return given;
  throw new BatchError("UnsupportedRequestVersion", {
    QueryParameterName: "api-version",
    QueryParameterValue: given.slice(0, 100),
    Reason: `Supported are ${apiVersions.join(", ")}`,
  });
}

function readBody({ body, headers, target }: HttpRequest, operation: Operation, version: ApiVersion): unknown {
  const schema = operation.body;
  if (!schema) return undefined;
  if (body.length === 0) {
    if (operation.bodyOptional) return undefined;
    throw new BatchError("InvalidRequestBody", { Reason: "The request needs a body" });
  }
  if (target.includes("/addtaskcollection") && body.length > largestCollectionBytes)
    throw new BatchError("RequestBodyTooLarge", { MaxLimit: String(largestCollectionBytes) });
  const type = String(headers["content-type"] ?? "application/json");
  if (!/^(application|text)\/json\b/i.test(type))
    throw new BatchError("InvalidHeaderValue", {
      HeaderName: "Content-Type",
      HeaderValue: type.slice(0, 100),
      Reason: "Expected application/json",
    });
  const document = readDocument(schema, parseJson(body), version);
  checkDocument(schema, document);
  return document;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8").replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new BatchError("InvalidRequestBody", { Reason: "The body is not JSON" }, { cause });
  }
}

/** `ocp-range: bytes=a-b` or `bytes=a-`. */
function rangeOf({ headers }: HttpRequest, operation: Operation): { range?: ByteRange } {
  const text = operation.range ? (headers["ocp-range"] ?? headers.range) : undefined;
  if (text === undefined) return {};
  const match = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(String(text));
  if (!match)
    throw new BatchError("InvalidRange", { HeaderName: "ocp-range", HeaderValue: String(text).slice(0, 100) });
  const start = Number(match[1]);
  const end = match[2] === undefined ? undefined : Number(match[2]);
  if (end !== undefined && end < start)
    throw new BatchError("InvalidRange", { HeaderName: "ocp-range", HeaderValue: String(text) });
  return { range: { start, ...(end === undefined ? {} : { end }) } };
}

/** The result, unless the budget that the client gave the request runs out before. */
async function inTime<T>(work: Promise<T>, { timeout }: Query, clock: Clock): Promise<T> {
  const seconds = typeof timeout === "number" && timeout > 0 ? Math.min(timeout, longestSeconds) : longestSeconds;
  const done = new AbortController();
  const tooLate = clock.sleep(seconds * 1000, done.signal).then((): never => {
    throw new BatchError("OperationTimedOut");
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    tooLate.catch(() => {});
    work.catch(() => {});
    done.abort();
  }
}

interface Answered {
  readonly request: HttpRequest;
  readonly place: Place;
  readonly route: Route;
  readonly version: ApiVersion;
  readonly names: ReadonlySet<string> | undefined;
}

function answerReply(reply: Reply<unknown>, answered: Answered): HttpAnswer {
  const { operation } = answered.route;
  const { entity, location, stream } = reply;
  const headers = {
    ...commonHeaders(answered.request),
    ...(operation.entity && entity ? { etag: entity.etag, "last-modified": entity.lastModified.toUTCString() } : {}),
    ...(operation.dataServiceId ? { dataserviceid: location ?? answered.place.baseUrl + answered.place.path } : {}),
    ...(location === undefined ? {} : { location }),
    ...reply.headers,
  };
  if (stream) return { status: operation.status, headers, body: stream };
  const body = operation.response && operation.method !== "HEAD" ? documentOf(reply.body, answered) : undefined;
  if (body === undefined) return { status: operation.status, headers };
  return { status: operation.status, headers: { ...headers, "content-type": jsonType }, body: JSON.stringify(body) };
}

function documentOf(body: unknown, { place, route: { operation }, version, names }: Answered): unknown {
  const schema = operation.response;
  if (!schema) return undefined;
  const write = (item: unknown) => selected(writeDocument(schema, item, version), names);
  const metadata = metadataOf(operation);
  const context = metadata === undefined ? {} : { "odata.metadata": `${place.baseUrl}/$metadata#${metadata}` };
  if (operation.shape !== "list") return { ...context, ...asObject(write(body)) };
  const { items, next } = asPage(body);
  const link = next === undefined ? {} : { "odata.nextLink": nextLink(place.baseUrl, place.path, place.search, next) };
  return { ...context, value: items.map(write), ...link };
}

function asObject(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}

function asPage(body: unknown): Page<unknown> {
  const page = asObject(body);
  const items: readonly unknown[] = "items" in page && Array.isArray(page.items) ? page.items : [];
  return { items, ...("next" in page && typeof page.next === "string" ? { next: page.next } : {}) };
}

function commonHeaders({ headers, requestId }: HttpRequest): Record<string, string> {
  const wantsEcho = String(headers["return-client-request-id"] ?? "").toLowerCase() === "true";
  const clientRequestId = headers["client-request-id"];
  return {
    "request-id": requestId,
    dataserviceversion: "3.0",
    "x-content-type-options": "nosniff",
    ...(wantsEcho && typeof clientRequestId === "string" ? { "client-request-id": clientRequestId } : {}),
  };
}

function answerError(cause: unknown, request: HttpRequest, { baseUrl }: Place, options: ServeOptions): HttpAnswer {
  if (cause instanceof NotModified) return { status: 304, headers: commonHeaders(request) };
  const error = asBatchError(cause, request, options);
  const body = {
    "odata.metadata": `${baseUrl}/$metadata#${errorSet}`,
    ...errorBody(error, request.requestId, options.clock.now()),
  };
  const isBusy = error.status === 503 || error.status === 429;
  return {
    status: error.status,
    reason: error.message,
    headers: {
      ...commonHeaders(request),
      ...(isBusy ? { "retry-after": retryAfterSeconds } : {}),
      ...(request.method === "HEAD" ? {} : { "content-type": jsonType }),
    },
    ...(request.method === "HEAD" ? {} : { body: JSON.stringify(body) }),
  };
}

/** What a client is told of an error that is not its own: whether to try again, and nothing of its cause. */
function asBatchError(cause: unknown, request: HttpRequest, { isDatabaseAway, log }: ServeOptions): BatchError {
  if (cause instanceof BatchError) return cause;
  if (isDatabaseAway(cause)) return new BatchError("ServerBusy", { Reason: "The database is away" });
  log.error("request failed", {
    requestId: request.requestId,
    method: request.method,
    path: request.target.split("?")[0],
    cause,
  });
  return new BatchError("InternalError");
}
