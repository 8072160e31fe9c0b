import { type ApiVersion, BatchError, type Operation } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import { concernsJob, permits } from "../domain/caller.ts";
import { answerError, answerReply, type HttpAnswer } from "./answers.ts";
import { type AuthenticateOptions, authenticate } from "./auth.ts";
import { NotModified, parseConditions } from "./conditions.ts";
import type { ByteRange, Reply } from "./handler.ts";
import { listRequest, selection } from "./lists.ts";
import { type Place, placeOf, versionOf } from "./place.ts";
import { readQuery } from "./query.ts";
import { readBody } from "./request-body.ts";
import { createRouter, type Route, type Router } from "./router.ts";

/** What a request says before its body is read, free of the HTTP library. */
export interface HttpRequestHead {
  readonly method: string;
  /** Scheme and host as the client sees them. */
  readonly origin: string;
  /** Path and query as the client sent them. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly requestId: string;
}

export interface HttpRequest extends HttpRequestHead {
  readonly body: Buffer;
  readonly remoteAddress: string;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

/** Answers what is not of the data plane; undefined when the request is none of its own. */
export type Extension = (request: HttpRequest) => Promise<HttpAnswer | undefined>;

type AnyHandler = (call: never) => Promise<Reply<unknown>>;

export interface ServeOptions extends AuthenticateOptions {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly handlers: Readonly<Record<string, AnyHandler | undefined>>;
  /** Asked in order before the data plane is. */
  readonly extensions: readonly Extension[];
  /** Whether an error means that the database cannot be reached now. */
  readonly isDatabaseAway: (cause: unknown) => boolean;
  /** Told of each request when it is answered: the operation, or why there is none. */
  readonly onAnswer: (operation: string, status: number, seconds: number) => void;
  readonly clock: Clock;
  readonly log: Log;
}

const longestSeconds = 30;

/** Answers requests for operations of the API; neither function fails. */
export interface Serve {
  readonly answer: (request: HttpRequest) => Promise<HttpAnswer>;
  /** The answer to a request that could not be read. */
  readonly refuse: (request: HttpRequestHead, error: BatchError) => HttpAnswer;
}

export function createServe(options: ServeOptions): Serve {
  const route = createRouter(options.operations);
  const refuse = (request: HttpRequestHead, error: BatchError) =>
    answerError(error, { request, baseUrl: placeOf(request).baseUrl, now: options.clock.now() });
  return {
    refuse,
    answer: async (request) => {
      const begun = performance.now();
      const { operation, answer } = await answerCall(request, route, options);
      options.onAnswer(operation, answer.status, (performance.now() - begun) / 1000);
      return answer;
    },
  };
}

/** @returns the answer, and the name of the operation that was asked for, `none` when there is no such */
async function answerCall(
  request: HttpRequest,
  route: Router,
  options: ServeOptions,
): Promise<{ operation: string; answer: HttpAnswer }> {
  const place = placeOf(request);
  let operation = "none";
  try {
    for (const extension of options.extensions) {
      const answer = await extension(request);
      if (answer) return { operation: "none", answer };
    }
    const version = versionOf(place.search);
    const found = route(request.method, place.path, version);
    operation = found.name;
    const context = { request, place, route: found, version };
    const answer = await inTime(place.search, options.clock, (late) => answerFound(context, late, options));
    return { operation, answer };
  } catch (cause) {
    const error = cause instanceof NotModified ? cause : asBatchError(cause, request, options);
    return { operation, answer: answerError(error, { request, baseUrl: place.baseUrl, now: options.clock.now() }) };
  }
}

interface Found {
  readonly request: HttpRequest;
  readonly place: Place;
  readonly route: Route;
  readonly version: ApiVersion;
}

async function answerFound(found: Found, late: AbortSignal, options: ServeOptions): Promise<HttpAnswer> {
  const { request, place, route, version } = found;
  const { operation } = route;
  const now = options.clock.now();
  const { account, role, jobId } = await authenticate(request, place.accountName, now, options);
  if (!permits(role, route.name, operation.method))
    throw new BatchError("InsufficientAccountPermissions", { Reason: `The credential's role is ${role}` });
  if (jobId !== undefined && !concernsJob(jobId, operation.path, route.params))
    throw new BatchError("InsufficientAccountPermissions", { Reason: `The task's token is for job ${jobId} only` });
  const handler = options.handlers[route.name];
  if (!handler) throw new BatchError("NotImplemented", { Reason: `${route.name} is not supported by this server yet` });
  const query = readQuery(place.search, operation, version);
  const names = selection(query, operation, version);
  const reply = await invoke(handler, {
    account,
    version,
    baseUrl: place.baseUrl,
    requestId: request.requestId,
    params: route.params,
    query,
    body: readBody(request, operation, version),
    conditions: parseConditions(request.headers, request.method === "GET" || request.method === "HEAD"),
    list: listRequest(query, operation, version),
    ...rangeOf(request, operation),
    now,
    signal: AbortSignal.any([request.signal, late]),
  });
  return answerReply(reply, { ...found, names });
}

/** The call fits its operation by construction: its parts were read by that operation's own schemas. */
function invoke(handler: AnyHandler, call: object): Promise<Reply<unknown>> {
  return Reflect.apply(handler, undefined, [call]);
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

/** The result of `work`, unless the budget that the client gave the request runs out before; then `late` aborts. */
async function inTime<T>(search: URLSearchParams, clock: Clock, work: (late: AbortSignal) => Promise<T>): Promise<T> {
  const done = new AbortController();
  const late = new AbortController();
  const tooLate = clock.sleep(budgetSeconds(search) * 1000, done.signal).then((): never => {
    if (!done.signal.aborted) late.abort();
    throw new BatchError("OperationTimedOut");
  });
  const result = work(late.signal);
  try {
    return await Promise.race([result, tooLate]);
  } finally {
    tooLate.catch(() => {});
    result.catch(() => {});
    done.abort("done");
  }
}

/** More than 30 seconds count as 30; what is no number is refused later, with the other parameters. */
function budgetSeconds(search: URLSearchParams): number {
  const seconds = Number([...search].find(([name]) => name.toLowerCase() === "timeout")?.[1]);
  return seconds > 0 ? Math.min(seconds, longestSeconds) : longestSeconds;
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
