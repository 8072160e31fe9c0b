import { type ApiVersion, BatchError, type ByteRange, type Operation } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import { concernsJob, permits } from "../domain/account/caller.ts";
import { checkElevation } from "../domain/task/elevation.ts";
import { answerError, answerReply, type HttpAnswer } from "./answers.ts";
import { type AuthenticateOptions, authenticate } from "./auth.ts";
import { NotModified } from "./conditions.ts";
import { blameFor, type FailureOptions } from "./failures.ts";
import type { Reply } from "./handler.ts";
import { selection } from "./lists.ts";
import { type Place, placeOf, versionOf } from "./place.ts";
import { invoke, readCall } from "./read-call.ts";
import { createRouter, type Route, type Router } from "./router.ts";
import { parameter, readSearch } from "./target.ts";

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
  /**
   * The body, of which nothing is read before.
   * @throws BatchError RequestBodyTooLarge, ServerBusy when too much is being read, OperationTimedOut
   */
  readonly readBody: (largestBytes: number) => Promise<Buffer>;
  /** The same for who is not known yet: such bodies take no room from those of others. */
  readonly readStrangersBody: (largestBytes: number) => Promise<Buffer>;
  readonly remoteAddress: string;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

/** Answers what is not of the data plane; undefined when the request is none of its own. */
export type Extension = (request: HttpRequest) => Promise<HttpAnswer | undefined>;

type AnyHandler = (call: never) => Promise<Reply<unknown>>;

export interface ServeOptions extends AuthenticateOptions, FailureOptions {
  /** Below which hosts are named for accounts, such as `localhost`. */
  readonly domains: readonly string[];
  /** Whether administrator's rights on a node take no other role than adding tasks. */
  readonly isElevationFree: boolean;
  /** Whether whoever may add tasks may reach the machine with their containers. */
  readonly isHostFree: boolean;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly handlers: Readonly<Record<string, AnyHandler | undefined>>;
  /** Asked in order before the data plane is. */
  readonly extensions: readonly Extension[];
  /** Told of each request when it is answered: the operation, or why there is none. */
  readonly onAnswer: (operation: string, status: number, seconds: number) => void;
  readonly clock: Clock;
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
    answerError(error, { request, baseUrl: placeOf(request, options.domains).baseUrl, now: options.clock.now() });
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
  const place = placeOf(request, options.domains);
  let operation = "none";
  try {
    for (const extension of options.extensions) {
      const answer = await extension(request);
      if (answer) return { operation: "none", answer };
    }
    const search = readSearch(place.query);
    const version = versionOf(search);
    const found = route(request.method, place.path, version);
    operation = found.name;
    const context = { request, place, search, route: found, version };
    const answer = await inTime(search, options.clock, (late) => answerFound(context, late, options));
    return { operation, answer };
  } catch (cause) {
    const error = cause instanceof NotModified ? cause : asBatchError(cause, request, options);
    return { operation, answer: answerError(error, { request, baseUrl: place.baseUrl, now: options.clock.now() }) };
  }
}

interface Found {
  readonly request: HttpRequest;
  readonly place: Place;
  readonly search: URLSearchParams;
  readonly route: Route;
  readonly version: ApiVersion;
}

async function answerFound(found: Found, late: AbortSignal, options: ServeOptions): Promise<HttpAnswer> {
  const { request, place, search, route, version } = found;
  const { operation } = route;
  const now = options.clock.now();
  const caller = await authenticate(request, place.accountName, now, options);
  const { account, role, jobId } = caller;
  if (!permits(role, operation))
    throw new BatchError("InsufficientAccountPermissions", { Reason: `The credential's role is ${role}` });
  if (jobId !== undefined && !concernsJob(jobId, operation, route.params))
    throw new BatchError("InsufficientAccountPermissions", { Reason: `The task's token is for job ${jobId} only` });
  const handler = options.handlers[route.name];
  if (!handler) throw new BatchError("NotImplemented", { Reason: `${route.name} is not supported by this server yet` });
  const asked = await readCall(request, { operation, version, search });
  const names = selection(asked.query, operation, version);
  checkElevation(asked.body, caller, options);
  const reply = await invoke(handler, {
    ...asked,
    ...rangeOf(request, operation),
    account,
    version,
    baseUrl: place.baseUrl,
    requestId: request.requestId,
    params: route.params,
    now,
    signal: AbortSignal.any([request.signal, late]),
  });
  return answerReply(reply, { ...found, names });
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

/** More than 30 seconds count as 30; what is no whole number from 1 on is refused later, with the other parameters. */
function budgetSeconds(search: URLSearchParams): number {
  const text = parameter(search, "timeout") ?? "";
  return /^[0-9]+$/.test(text) && Number(text) >= 1 ? Math.min(Number(text), longestSeconds) : longestSeconds;
}

function asBatchError(cause: unknown, request: HttpRequest, options: FailureOptions): BatchError {
  if (cause instanceof BatchError) return cause;
  return blameFor(cause, request, options) === "database"
    ? new BatchError("ServerBusy", { Reason: "The database is away" })
    : new BatchError("InternalError");
}
