import type { Readable } from "node:stream";
import { type ApiVersion, type BatchError, metadataOf, writeDocument } from "@kyanite/contract";
import { NotModified } from "./conditions.ts";
import { errorBody, errorSet } from "./errors.ts";
import { retryHeaders } from "./failures.ts";
import type { Reply, Trailers } from "./handler.ts";
import { selected, writePage } from "./lists.ts";
import type { Place } from "./place.ts";
import type { Route } from "./router.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
  /** Of a stream that goes on for as long as it has to. */
  readonly trailers?: Trailers;
  /** The first line of an error's text, which goes into the status line. */
  readonly reason?: string;
  /** The code of an error, for who keeps account of answers. */
  readonly errorCode?: string;
}

/** What of a request its answer depends on. */
interface Asked {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly requestId: string;
}

const jsonType = "application/json;odata=minimalmetadata";

interface Answered {
  readonly request: Asked;
  readonly place: Place;
  readonly search: URLSearchParams;
  readonly route: Route;
  readonly version: ApiVersion;
  readonly names: ReadonlySet<string> | undefined;
}

/** The answer that a handler's reply makes, by what the operation declares. */
export function answerReply(reply: Reply<unknown>, answered: Answered): HttpAnswer {
  const { operation } = answered.route;
  const { entity, location, stream } = reply;
  const headers = {
    ...commonHeaders(answered.request),
    ...(operation.entity && entity ? { etag: entity.etag, "last-modified": entity.lastModified.toUTCString() } : {}),
    ...(operation.dataServiceId
      ? { dataserviceid: encodeURI(location ?? "") || answered.place.baseUrl + answered.place.path }
      : {}),
    ...(location === undefined ? {} : { location: encodeURI(location) }),
    ...reply.headers,
  };
  if (stream)
    return { status: operation.status, headers, body: stream, ...(reply.trailers && { trailers: reply.trailers }) };
  const body = operation.response && operation.method !== "HEAD" ? documentOf(reply.body, answered) : undefined;
  if (body === undefined) return { status: operation.status, headers };
  return { status: operation.status, headers: { ...headers, "content-type": jsonType }, body: JSON.stringify(body) };
}

function documentOf(body: unknown, { place, search, route: { operation }, version, names }: Answered): unknown {
  const schema = operation.response;
  if (!schema) return undefined;
  const write = (item: unknown) => selected(writeDocument(schema, item, version), names);
  const metadata = metadataOf(operation);
  const context = metadata === undefined ? {} : { "odata.metadata": `${place.baseUrl}/$metadata#${metadata}` };
  if (operation.shape !== "list") return { ...context, ...asObject(write(body)) };
  return { ...context, ...writePage(body, { write, link: "odata.nextLink", place: { ...place, search } }) };
}

function asObject(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}

function commonHeaders({ headers, requestId }: Asked): Record<string, string> {
  const wantsEcho = String(headers["return-client-request-id"] ?? "").toLowerCase() === "true";
  const clientRequestId = headers["client-request-id"];
  return {
    "request-id": requestId,
    dataserviceversion: "3.0",
    "x-content-type-options": "nosniff",
    ...(wantsEcho && typeof clientRequestId === "string" ? { "client-request-id": clientRequestId } : {}),
  };
}

/** The answer to a request that failed; what has not been modified is no failure, but has no body either. */
export function answerError(
  error: BatchError | NotModified,
  { request, baseUrl, now }: { readonly request: Asked; readonly baseUrl: string; readonly now: Date },
): HttpAnswer {
  const headers = commonHeaders(request);
  if (error instanceof NotModified) return { status: 304, headers };
  const answer = {
    status: error.status,
    reason: error.message,
    errorCode: error.code,
    headers: { ...headers, ...retryHeaders(error.status) },
  };
  if (request.method === "HEAD") return answer;
  const metadata = { "odata.metadata": `${baseUrl}/$metadata#${errorSet}` };
  return {
    ...answer,
    headers: { ...answer.headers, "content-type": jsonType },
    body: JSON.stringify({ ...metadata, ...errorBody(error, request.requestId, now) }),
  };
}
