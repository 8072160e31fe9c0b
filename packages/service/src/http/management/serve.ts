import {
  type ApiVersion,
  checkDocument,
  ManagementError,
  type ManagementOperation,
  managementOperations,
  managementVersions,
  pairedVersion,
  readDocument,
  writeDocument,
} from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import type { Account } from "../../domain/account.ts";
import { type Grant, permitsManagement, roleOn } from "../../domain/caller.ts";
import type { HttpAnswer } from "../answers.ts";
import { parseConditions } from "../conditions.ts";
import type { Page } from "../handler.ts";
import { listRequest, nextLink } from "../lists.ts";
import { readQuery } from "../query.ts";
import type { Extension, HttpRequest } from "../serve.ts";
import { type AuthenticateOptions, authenticateManagement } from "./authenticate.ts";
import { managementErrorAnswer } from "./errors.ts";
import type { ManagementHandlers, ManagementReply } from "./handler.ts";
import { commonHeaders, jsonAnswer } from "./json-answer.ts";
import { createManagementRouter, type ManagementRoute } from "./router.ts";
import { selectedMembers } from "./select.ts";

export interface ManagementOptions extends AuthenticateOptions {
  readonly handlers: ManagementHandlers;
  readonly findAccount: (name: string) => Promise<Account | undefined>;
  readonly isDatabaseAway: (cause: unknown) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

const isOurs = /^\/(subscriptions\/[^/]+(\/resourceGroups\/[^/]+)?\/)?providers\/Microsoft\.Batch\//i;

/** The management plane: accounts, what belongs to them, and what there is to choose from. */
export function managementPlane(options: ManagementOptions): Extension {
  const route = createManagementRouter(managementOperations);
  return async (request) => {
    const [path = "", query = ""] = request.target.split(/\?(.*)/s);
    if (!isOurs.test(path)) return undefined;
    const place: Place = { path, search: new URLSearchParams(query.replaceAll("+", "%2B")), now: options.clock.now() };
    try {
      const version = versionOf(place.search);
      const grants = await authenticateManagement(request, place.now, options);
      return await answer(request, { place, version, grants, found: route(request.method, path, version) }, options);
    } catch (cause) {
      return managementErrorAnswer(cause, request, options);
    }
  };
}

interface Place {
  readonly path: string;
  readonly search: URLSearchParams;
  readonly now: Date;
}

interface Asked {
  readonly place: Place;
  readonly version: ApiVersion;
  readonly grants: readonly Grant[];
  readonly found: ManagementRoute;
}

function versionOf(search: URLSearchParams): ApiVersion {
  const given = [...search].find(([name]) => name.toLowerCase() === "api-version")?.[1];
  if (!given) throw new ManagementError("MissingApiVersionParameter");
  const version = pairedVersion(given);
  if (version) return version;
  throw new ManagementError("InvalidApiVersionParameter", `Supported are ${managementVersions.join(", ")}.`);
}

async function answer(request: HttpRequest, asked: Asked, options: ManagementOptions): Promise<HttpAnswer> {
  const { found, place, grants, version } = asked;
  const { operation, params, name } = found;
  const account = await accountOf(asked, options);
  const query = readQuery(place.search, operation, version);
  const call = {
    account,
    params,
    body: readBody(request, operation, version),
    list: listRequest(query, operation, version),
    conditions: parseConditions(operation.entity ? request.headers : {}, request.method === "GET"),
    mayRead: (accountName: string) => roleOn(accountName, grants) !== undefined,
    origin: request.origin,
    userAgent: String(request.headers["user-agent"] ?? ""),
    now: place.now,
  };
  const handler = Object.entries(options.handlers).find(([each]) => each === name)?.[1];
  if (!handler) throw new ManagementError("OperationNotSupported");
  // The call fits its operation by construction: its parts were read by that operation's own schemas.
  const reply: ManagementReply<unknown> = await Reflect.apply(handler, undefined, [call]);
  return answerReply(reply, request, asked);
}

/** The account that the path names, on which the caller has the role that the operation asks for. */
async function accountOf({ found, grants }: Asked, options: ManagementOptions): Promise<Account | undefined> {
  const { operation, params, name } = found;
  const accountName = params.accountName?.toLowerCase();
  const role = accountName === undefined ? strongestRole(grants) : roleOn(accountName, grants);
  if (!role || !permitsManagement(role, name, operation.method))
    throw new ManagementError("AuthorizationFailed", role ? `The caller's role is ${role}.` : undefined);
  if (accountName === undefined) return undefined;
  const account = await options.findAccount(accountName);
  if (account && isAt(account, params)) {
    if (account.state === "deleting" && operation.method !== "GET" && name !== "BatchAccount_Delete")
      throw new ManagementError("AccountBeingDeleted");
    return account;
  }
  if (operation.accountOptional) return undefined;
  throw new ManagementError(
    "ResourceNotFound",
    `'Microsoft.Batch/batchAccounts/${accountName}' under resource group '${params.resourceGroupName}'.`,
  );
}

function strongestRole(grants: readonly Grant[]) {
  return grants.map(({ accountName = "" }) => roleOn(accountName, grants)).find((role) => role !== undefined);
}

function isAt({ subscriptionId, resourceGroup }: Account, params: Readonly<Record<string, string>>): boolean {
  const is = (one: string, other: string | undefined) => one.toLowerCase() === other?.toLowerCase();
  return is(subscriptionId, params.subscriptionId) && is(resourceGroup, params.resourceGroupName);
}

function readBody({ body, headers }: HttpRequest, operation: ManagementOperation, version: ApiVersion): unknown {
  const schema = operation.body;
  if (!schema) return undefined;
  if (body.length === 0) {
    if (operation.bodyOptional) return undefined;
    throw new ManagementError("InvalidRequestBody", "The request needs a body.");
  }
  if (!/^(application|text)\/json\b/i.test(String(headers["content-type"] ?? "application/json")))
    throw new ManagementError("InvalidContentType");
  const document = readDocument(schema, parseJson(body), version);
  checkDocument(schema, document);
  return document;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8").replace(/^\uFEFF/, ""));
  } catch {
    throw new ManagementError("InvalidRequestBody", "The body is not JSON.");
  }
}

const retryAfterSeconds = "1";

function answerReply(
  reply: ManagementReply<unknown>,
  request: HttpRequest,
  { place, version, found }: Asked,
): HttpAnswer {
  const { operation } = found;
  const status = reply.status ?? operation.status;
  const headers = {
    ...commonHeaders(request),
    ...(reply.etag === undefined ? {} : { etag: reply.etag }),
    ...(reply.location === undefined || status !== 202
      ? {}
      : { location: pollUrl(request.origin, reply.location, place.search), "retry-after": retryAfterSeconds }),
  };
  const body = reply.body === undefined ? undefined : documentOf(reply.body, request, { operation, version, place });
  if (body === undefined) return { status, headers: { ...headers, "content-length": "0" } };
  return jsonAnswer(status, headers, body);
}

function pollUrl(origin: string, path: string, search: URLSearchParams): string {
  return `${origin}${path}?api-version=${search.get("api-version")}`;
}

interface Documented {
  readonly operation: ManagementOperation;
  readonly version: ApiVersion;
  readonly place: Place;
}

function documentOf(body: unknown, { origin }: HttpRequest, { operation, version, place }: Documented): unknown {
  const schema = operation.response;
  if (!schema) return undefined;
  if (operation.shape !== "list") return writeDocument(schema, body, version);
  const { items, next } = asPage(body);
  const select = selectedMembers(place.search);
  const value = items.map((item) => select(writeDocument(schema, item, version)));
  if (next === undefined) return { value };
  return { value, nextLink: nextLink(origin, place.path, place.search, next) };
}

function asPage(body: unknown): Page<unknown> {
  const page = typeof body === "object" && body !== null ? body : {};
  const items: readonly unknown[] = "items" in page && Array.isArray(page.items) ? page.items : [];
  return { items, ...("next" in page && typeof page.next === "string" ? { next: page.next } : {}) };
}
