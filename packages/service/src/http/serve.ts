import { type ApiVersion, BatchError, type Operation } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import { concernsJob, permits } from "../domain/account/caller.ts";
import { checkElevation } from "../domain/task/elevation.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { answerError, answerReply, type HttpAnswer } from "./answers.ts";
import type { Audit } from "./audit/audit.ts";
import { accountIn, isKept, type Notes, noting, resourceOf } from "./audit/noting.ts";
import { type AuthenticateOptions, authenticate } from "./auth.ts";
import { NotModified } from "./conditions.ts";
import { eventStreamOf, permissionOf } from "./event-stream-request.ts";
import { blameFor, type FailureOptions } from "./failures.ts";
import type { Reply } from "./handler.ts";
import { selection } from "./lists.ts";
import { type Place, placeOf, versionOf } from "./place.ts";
import { rangeOf } from "./range.ts";
import { invoke, readCall } from "./read-call.ts";
import { createRouter, type Route, type Router } from "./router.ts";
import { readSearch, splitTarget } from "./target.ts";
import { inTime } from "./time-budget.ts";

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
  readonly audit: Audit;
  readonly telemetry?: Telemetry;
  readonly clock: Clock;
}

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
      const span = options.telemetry?.begin("request", request.headers.traceparent?.toString());
      const { operation, answer } = await answerCall(request, { route, traceParent: span?.traceParent }, options);
      span?.end(requestSpan(request, operation, answer));
      options.onAnswer(operation, answer.status, (performance.now() - begun) / 1000);
      return answer;
    },
  };
}

/** @returns the answer, and the name of the operation that was asked for, `none` when there is no such */
async function answerCall(
  request: HttpRequest,
  way: Way,
  options: ServeOptions,
): Promise<{ operation: string; answer: HttpAnswer }> {
  const place = placeOf(request, options.domains);
  const notes = noting("data", accountIn(place.accountName, request, options), place.path);
  const guarded = async (work: () => Promise<HttpAnswer>): Promise<HttpAnswer> => {
    try {
      return await work();
    } catch (cause) {
      const error = cause instanceof NotModified ? cause : asBatchError(cause, request, options);
      return answerError(error, { request, baseUrl: place.baseUrl, now: options.clock.now() });
    }
  };
  const answer = await guarded(
    async () =>
      (await answerByExtension(request, options)) ?? (await answerAsked({ request, place, ...way }, notes, options)),
  );
  const told = await guarded(async () => {
    await options.audit.record(request, notes, answer);
    return answer;
  });
  return { operation: notes.known().operation?.name ?? "none", answer: told };
}

async function answerByExtension(request: HttpRequest, { extensions }: ServeOptions): Promise<HttpAnswer | undefined> {
  for (const extension of extensions) {
    const answer = await extension(request);
    if (answer) return answer;
  }
  return undefined;
}

interface Way {
  readonly route: Router;
  /** What follows from the request belongs to it. */
  readonly traceParent: string | undefined;
}

interface Asked extends Way {
  readonly request: HttpRequest;
  readonly place: Place;
}

function answerAsked(
  { request, place, route, traceParent }: Asked,
  notes: Notes,
  options: ServeOptions,
): Promise<HttpAnswer> {
  const search = readSearch(place.query);
  const version = versionOf(search);
  const found = route(request.method, place.path, version);
  notes.learn({ operation: { name: found.name, isKept: isKept(found.operation) } });
  const context = { request, place, search, route: found, version, notes, traceParent };
  return inTime(search, options.clock, (late) => answerFound(context, late, options));
}

interface Found {
  readonly request: HttpRequest;
  readonly place: Place;
  readonly search: URLSearchParams;
  readonly route: Route;
  readonly version: ApiVersion;
  readonly notes: Notes;
  readonly traceParent: string | undefined;
}

async function answerFound(found: Found, late: AbortSignal, options: ServeOptions): Promise<HttpAnswer> {
  const { request, place, search, route, version, notes } = found;
  const { operation } = route;
  const now = options.clock.now();
  const caller = await authenticate(request, place.accountName, now, options);
  const { account, role, jobId, credential } = caller;
  notes.learn({ account: account.name, by: { credential, role } });
  if (!permits(role, operation))
    throw new BatchError("InsufficientAccountPermissions", { Reason: `The credential's role is ${role}` });
  if (jobId !== undefined && !concernsJob(jobId, operation, route.params))
    throw new BatchError("InsufficientAccountPermissions", { Reason: `The task's token is for job ${jobId} only` });
  const handler = options.handlers[route.name];
  if (!handler) throw new BatchError("NotImplemented", { Reason: `${route.name} is not supported by this server yet` });
  const asked = await readCall(request, { operation, version, search });
  notes.learn({ resource: resourceOf(place.path, operation, asked.body) });
  const names = selection(asked.query, operation, version);
  checkElevation(asked.body, caller, options);
  const reply = await invoke(handler, {
    ...asked,
    ...rangeOf(request, operation),
    accept: String(request.headers.accept ?? ""),
    ...eventStreamOf(found),
    isPermitted: permissionOf(found, caller, options),
    ...(jobId === undefined ? {} : { onlyJobId: jobId }),
    ...(found.traceParent !== undefined && { traceParent: found.traceParent }),
    account,
    version,
    baseUrl: place.baseUrl,
    requestId: request.requestId,
    params: route.params,
    transaction: options.audit.transactions(request, notes, operation.status),
    now,
    signal: AbortSignal.any([request.signal, late]),
  });
  return answerReply(reply, { ...found, names });
}

/** What a trace tells of a request: no query, in which there may be signatures. */
function requestSpan({ method, target, requestId }: HttpRequest, operation: string, answer: HttpAnswer) {
  return {
    name: operation === "none" ? method : operation,
    facts: {
      "http.request.method": method,
      "url.path": splitTarget(target).path.slice(0, longestPath),
      "http.response.status_code": answer.status,
      "kyanite.request.id": requestId,
    },
    failure: answer.status >= 500 ? (answer.errorCode ?? "failed") : undefined,
  };
}

const longestPath = 1024;

function asBatchError(cause: unknown, request: HttpRequest, options: FailureOptions): BatchError {
  if (cause instanceof BatchError) return cause;
  return blameFor(cause, request, options) === "database"
    ? new BatchError("ServerBusy", { Reason: "The database is away" })
    : new BatchError("InternalError");
}
