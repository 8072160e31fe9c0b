import dns from "node:dns";
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Clock, hasErrorCode } from "@kyanite/runtime";
import { withoutSecrets } from "./blob-url.ts";

export type TransferProblem = "notFound" | "accessDenied" | "timedOut" | "failed";

/** Why a blob could not be moved. Its message holds no query, so no signature. */
export class TransferError extends Error {
  override readonly name = "TransferError";
  readonly problem: TransferProblem;
  /** Whether the same request may succeed in a moment. */
  readonly isTransient: boolean;
  /** Whether nobody listens at the address: a server that is being started, most likely. */
  readonly isRefused: boolean;
  /** Of the answer, when there was one. */
  readonly status: number | undefined;

  constructor(
    message: string,
    facts: { problem: TransferProblem; isTransient: boolean; isRefused?: boolean; status?: number; cause?: unknown },
  ) {
    super(message, { cause: facts.cause });
    this.problem = facts.problem;
    this.isTransient = facts.isTransient;
    this.isRefused = facts.isRefused ?? false;
    this.status = facts.status;
  }
}

export interface TransferOptions {
  readonly clock: Clock;
  /** Ends the transfer; the promise then rejects with its reason. */
  readonly signal: AbortSignal;
  /** How often the same is tried, with pauses from 250 ms to 4 s in between; 5 unless told otherwise. */
  readonly tries?: number;
  /** How long an address at which nobody listens is tried, whatever the tries; a minute unless told otherwise. */
  readonly patienceMilliseconds?: number;
  /** How long the other side may be silent; 30 s unless told otherwise. */
  readonly idleMilliseconds?: number;
}

const firstPause = 250;
const longestPause = 4_000;
/** While nobody listens, pauses do not get longer than after so many tries: a second. */
const mostPatientCount = 3;

/**
 * Tries until it works, until a failure is final, or until the tries are used up, which begin anew whenever `progress`
 * has got further than ever.
 */
export async function withRetries<Result>(
  options: TransferOptions,
  attempt: () => Promise<Result>,
  progress = () => 0,
): Promise<Result> {
  const { clock, signal, tries = 5, patienceMilliseconds = 60_000 } = options;
  const patientUntil = clock.elapsed() + patienceMilliseconds;
  let furthest = progress();
  for (let count = 1; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (progress() > furthest) count = 1;
      furthest = Math.max(furthest, progress());
      if (!(error instanceof TransferError && error.isTransient)) throw error;
      if (error.isRefused && clock.elapsed() < patientUntil) count = Math.min(count, mostPatientCount);
      else if (count >= tries) throw error;
    }
    await clock.sleep(Math.min(firstPause * 2 ** (count - 1), longestPause), signal);
    signal.throwIfAborted();
  }
}

export interface TransferRequest {
  readonly method: "GET" | "PUT";
  readonly url: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Readable | string;
}

/** Sends one request; resolves with a successful response whose body is still to be read. */
export async function send(request: TransferRequest, options: TransferOptions): Promise<IncomingMessage> {
  const response = await exchange(request, options).catch((cause: unknown) => {
    options.signal.throwIfAborted();
    throw cause instanceof TransferError ? cause : connectionError(request.url, cause);
  });
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 400) return response;
  const code = response.headers["x-ms-error-code"];
  response.resume();
  throw statusError(request.url, status, typeof code === "string" ? code : undefined);
}

/** What a broken connection means, whether while asking or while reading the answer. */
export function connectionError(url: string, cause: unknown): TransferError {
  if (cause instanceof TransferError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const isRefused = hasErrorCode(cause, "ECONNREFUSED");
  return new TransferError(`${withoutSecrets(url)}: ${reason}`, {
    problem: "failed",
    isTransient: true,
    isRefused,
    cause,
  });
}

/** A web address; what is none is an error whose message holds nothing of it, since it may hold a signature. */
export function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new TransferError("The URL is not a web address", { problem: "failed", isTransient: false });
}

async function exchange(sent: TransferRequest, options: TransferOptions): Promise<IncomingMessage> {
  const { signal, idleMilliseconds = 30_000 } = options;
  const url = parseAddress(sent.url);
  const open = url.protocol === "https:" ? requestHttps : requestHttp;
  const request = open(url, {
    method: sent.method,
    headers: sent.headers ?? {},
    lookup: lookupWithLocalhost,
    signal,
    timeout: idleMilliseconds,
  });
  request.once("timeout", () => request.destroy(silenceError(sent.url)));
  const response = new Promise<IncomingMessage>((resolve, reject) =>
    request.once("response", resolve).once("error", reject),
  );
  await sendBody(request, sent.body, response);
  return response;
}

/** A server may refuse before it has read everything: its answer counts, not the broken pipe. */
async function sendBody(
  request: ClientRequest,
  body: Readable | string | undefined,
  response: Promise<IncomingMessage>,
): Promise<void> {
  if (body === undefined || typeof body === "string") {
    request.end(body);
    return;
  }
  const sent = pipeline(body, request);
  try {
    await Promise.race([sent, response]);
  } finally {
    body.destroy();
    sent.catch(() => undefined);
    response.catch(() => undefined);
  }
}

const silenceError = (url: string) =>
  new TransferError(`${withoutSecrets(url)} does not answer`, { problem: "timedOut", isTransient: true });

function statusError(url: string, status: number, code: string | undefined): TransferError {
  const message = `${withoutSecrets(url)} answered ${code ? `${status} ${code}` : status}`;
  return new TransferError(message, { ...meaningOf(status), status });
}

function meaningOf(status: number): { problem: TransferProblem; isTransient: boolean } {
  if (status === 404) return { problem: "notFound", isTransient: false };
  if (status === 401 || status === 403) return { problem: "accessDenied", isTransient: false };
  if (status === 408 || status === 504) return { problem: "timedOut", isTransient: true };
  return { problem: "failed", isTransient: status === 412 || status === 416 || status === 429 || status >= 500 };
}

/** Storage accounts on this machine are called `<account>.blob.localhost`, which many resolvers do not know. */
const lookupWithLocalhost: LookupFunction = (hostname, options, callback) => {
  if (!/(^|\.)localhost\.?$/i.test(hostname)) {
    dns.lookup(hostname, options, callback);
    return;
  }
  if (options.all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
  else callback(null, "127.0.0.1", 4);
};
