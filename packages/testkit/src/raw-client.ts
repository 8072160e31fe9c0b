import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import { json, text as readText } from "node:stream/consumers";
import { sharedKey } from "@kyanite/client/node";

export interface RawRequest {
  /** `2024-07-01.20.0` unless given; null leaves it out. */
  readonly version?: string | null;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a text as it is. */
  readonly body?: unknown;
  /** Sends the body in chunks, without its length. */
  readonly isChunked?: boolean;
  /** Instead of a valid signature; null sends none. */
  readonly authorization?: string | null;
}

export interface RawAnswer {
  readonly status: number;
  readonly reason: string;
  readonly headers: IncomingHttpHeaders;
  /** As they were spelled. */
  readonly headerNames: readonly string[];
  readonly text: string;
  /** The body when it is JSON. */
  readonly json: unknown;
}

/** Sends requests as no client library would, signed with the account's key. */
export type RawClient = (method: string, path: string, request?: RawRequest) => Promise<RawAnswer>;

interface Target {
  readonly url: string;
  readonly account: { readonly name: string; readonly key: string };
}

/** @param service asked anew for each request, so that it may be restarted meanwhile */
export function rawClient(service: Target): RawClient {
  return async (method, path, request = {}) => {
    const { version = "2024-07-01.20.0", query = {}, isChunked = false } = request;
    const parameters = { ...(version === null ? {} : { "api-version": version }), ...query };
    const search = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    const target = search.length > 0 ? `${path}${path.includes("?") ? "&" : "?"}${search.join("&")}` : path;
    const body = bodyOf(request.body);
    const headers: Record<string, string> = {
      "ocp-date": new Date().toUTCString(),
      ...(body === undefined ? {} : { "content-type": "application/json; odata=minimalmetadata; charset=utf-8" }),
      ...(body === undefined || isChunked ? {} : { "content-length": String(Buffer.byteLength(body)) }),
      ...request.headers,
    };
    const authorization =
      request.authorization === undefined
        ? await sharedKey(
            service.account.name,
            service.account.key,
          )({ method, target, headers: inSmallLetters(headers) })
        : (request.authorization ?? undefined);
    return send(new URL(service.url), { method, target, headers, authorization, body });
  };
}

function bodyOf(body: unknown): string | undefined {
  return body === undefined || typeof body === "string" ? body : JSON.stringify(body);
}

function inSmallLetters(headers: Readonly<Record<string, string>>) {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

interface Message {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly body: string | undefined;
}

function send(url: URL, { method, target, headers, authorization, body }: Message): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const message = httpRequest(
      {
        host: url.hostname,
        port: url.port,
        method,
        path: target,
        headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
      },
      async (response) => {
        const text = await readText(response);
        resolve({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? "",
          headers: response.headers,
          headerNames: response.rawHeaders.filter((_, index) => index % 2 === 0),
          text,
          json: await json(Readable.from([text])).catch(() => undefined),
        });
      },
    );
    message.on("error", reject);
    if (body !== undefined && headers["content-length"] === undefined) message.flushHeaders();
    message.end(body);
  });
}
