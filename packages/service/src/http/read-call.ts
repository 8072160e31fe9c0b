import type { AnyOperation, ApiVersion } from "@kyanite/contract";
import { type Conditions, parseConditions } from "./conditions.ts";
import type { ListRequest } from "./handler.ts";
import { listRequest } from "./lists.ts";
import { type Query, readQuery } from "./query.ts";
import { type BodyRequest, type BodyTypes, dataPlaneTypes, readBody } from "./request-body.ts";

export interface AskedOperation {
  readonly operation: AnyOperation;
  readonly version: ApiVersion;
  readonly search: URLSearchParams;
  /** Whether the conditional headers count; they do unless given. */
  readonly heedsConditions?: boolean;
  /** What is taken for JSON; that of the data plane unless given. */
  readonly types?: BodyTypes;
}

/** What a request of either plane says besides its path. */
export interface ReadCall {
  readonly query: Query;
  readonly conditions: Conditions;
  readonly list: ListRequest;
  readonly body: unknown;
}

/**
 * Reads a request by what its operation declares, its body last.
 * @throws BatchError for whatever is wrong with it
 */
export async function readCall(
  request: BodyRequest,
  { operation, version, search, heedsConditions = true, types = dataPlaneTypes }: AskedOperation,
): Promise<ReadCall> {
  const query = readQuery(search, operation, version);
  const isRead = operation.method === "GET" || operation.method === "HEAD";
  const conditions = parseConditions(heedsConditions ? request.headers : {}, isRead);
  const list = listRequest(query, operation, version);
  return { query, conditions, list, body: await readBody(request, operation, version, types) };
}

/** The call fits its operation by construction: its parts were read by that operation's own schemas. */
export function invoke<Reply>(handler: (call: never) => Promise<Reply>, call: object): Promise<Reply> {
  return Reflect.apply(handler, undefined, [call]);
}
