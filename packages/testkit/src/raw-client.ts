import { createHmac } from "node:crypto";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import { json, text as readText } from "node:stream/consumers";

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
    const signed = request.authorization === undefined ? sign(method, target, headers, service.account) : undefined;
    const authorization = signed ?? request.authorization ?? undefined;
    return send(new URL(service.url), { method, target, headers, authorization, body });
  };
}

function bodyOf(body: unknown): string | undefined {
  return body === undefined || typeof body === "string" ? body : JSON.stringify(body);
}

function sign(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
  account: Target["account"],
): string {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const [path = "", search = ""] = target.split("?");
  const names = ["content-encoding", "content-language", "content-length", "content-md5", "content-type", "date"];
  const more = ["if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"];
  const canonical = Object.keys(lower)
    .filter((name) => name.startsWith("ocp-"))
    .sort()
    .map((name) => `${name}:${lower[name]}\n`);
  const parameters = [...new URLSearchParams(search)]
    .map(([name, value]) => `\n${name}:${value}`)
    .sort()
    .join("");
  const lines = [method, ...[...names, ...more].map((name) => lower[name] ?? ""), canonical.join("")].join("\n");
  const signature = createHmac("sha256", Buffer.from(account.key, "base64"))
    .update(`${lines}/${account.name}${path}${parameters}`)
    .digest("base64");
  return `SharedKey ${account.name}:${signature}`;
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
