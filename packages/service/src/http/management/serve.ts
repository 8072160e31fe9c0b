import {
  type ApiVersion,
  ManagementError,
  type ManagementOperation,
  managementOperations,
  managementVersions,
  pairedVersion,
  writeDocument,
} from "@kyanite/contract";
import type { Account } from "../../domain/account/account.ts";
import { permits, type Role, roleOn, strongestRole } from "../../domain/account/caller.ts";
import type { HttpAnswer } from "../answers.ts";
import { isKept } from "../audit/noting.ts";
import { writePage } from "../lists.ts";
import { invoke, readCall } from "../read-call.ts";
import type { Route } from "../router.ts";
import type { Extension } from "../serve.ts";
import { parameter, readSearch } from "../target.ts";
import { managementTypes } from "./body-types.ts";
import type { ManagementHandlers, ManagementReply } from "./handler.ts";
import { commonHeaders, jsonAnswer } from "./json-answer.ts";
import { managementPart, type PartOptions, type PartRequest } from "./part.ts";
import { createManagementRouter } from "./router.ts";
import { selectedMembers } from "./select.ts";

export interface ManagementOptions extends PartOptions {
  readonly handlers: ManagementHandlers;
  readonly findAccount: (name: string) => Promise<Account | undefined>;
}

const isOurs = /^\/(subscriptions\/[^/]+(\/resourceGroups\/[^/]+)?\/)?providers\/Microsoft\.Batch\//i;

/** The management plane: accounts, what belongs to them, and what there is to choose from. */
export function managementPlane(options: ManagementOptions): Extension {
  const route = createManagementRouter(managementOperations);
  const find = (path: string, query: string) => {
    if (!isOurs.test(path)) return undefined;
    const search = readSearch(query);
    return { search, version: versionOf(search) };
  };
  const answerPart = ({ found, ...asked }: PartRequest<Versioned>) =>
    answer({ ...asked, ...found, route: route(asked.request.method, asked.path, found.version) }, options);
  return managementPart(find, answerPart, options);
}

interface Versioned {
  readonly search: URLSearchParams;
  readonly version: ApiVersion;
}

interface Asked extends Omit<PartRequest<unknown>, "found">, Versioned {
  readonly route: Route<ManagementOperation>;
}

function versionOf(search: URLSearchParams): ApiVersion {
  const given = parameter(search, "api-version");
  if (!given) throw new ManagementError("MissingApiVersionParameter");
  const version = pairedVersion(given);
  if (version) return version;
  throw new ManagementError("InvalidApiVersionParameter", `Supported are ${managementVersions.join(", ")}.`);
}

async function answer(asked: Asked, options: ManagementOptions): Promise<HttpAnswer> {
  const { request, search, version, grants, principal, notes, now } = asked;
  const { operation, params, name } = asked.route;
  const role = roleOf(asked);
  notes.learn({
    operation: { name, isKept: isKept(operation) },
    by: { credential: { kind: "principal", principal }, ...(role && { role }) },
  });
  const account = await accountOf(asked, options);
  const heedsConditions = operation.entity ?? false;
  const call = {
    ...(await readCall(request, { operation, version, search, heedsConditions, types: managementTypes })),
    account,
    params,
    transaction: options.audit.transactions(request, notes, operation.status),
    mayRead: (accountName: string) => roleOn(accountName, grants) !== undefined,
    may: (operation: keyof typeof managementOperations) => isPermitted(asked, operation),
    origin: request.origin,
    userAgent: String(request.headers["user-agent"] ?? ""),
    now,
  };
  const handler = Object.entries(options.handlers).find(([each]) => each === name)?.[1];
  if (!handler) throw new ManagementError("OperationNotSupported");
  return answerReply(await invoke<ManagementReply<unknown>>(handler, call), asked);
}

/** The caller's role on the account that the path names, or on any when it names none. */
function roleOf({ route, grants }: Pick<Asked, "route" | "grants">): Role | undefined {
  const accountName = route.params.accountName?.toLowerCase();
  return accountName === undefined ? strongestRole(grants) : roleOn(accountName, grants);
}

function isPermitted(asked: Asked, name: keyof typeof managementOperations): boolean {
  const role = roleOf(asked);
  return role !== undefined && permits(role, managementOperations[name]);
}

/** The account that the path names, on which the caller has the role that the operation asks for. */
async function accountOf({ route, grants }: Asked, options: ManagementOptions): Promise<Account | undefined> {
  const { operation, params, name } = route;
  const accountName = params.accountName?.toLowerCase();
  const role = roleOf({ route, grants });
  if (!role || !permits(role, operation))
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

function isAt({ subscriptionId, resourceGroup }: Account, params: Readonly<Record<string, string>>): boolean {
  const is = (one: string, other: string | undefined) => one.toLowerCase() === other?.toLowerCase();
  return is(subscriptionId, params.subscriptionId) && is(resourceGroup, params.resourceGroupName);
}

const retryAfterSeconds = "1";

function answerReply(reply: ManagementReply<unknown>, asked: Asked): HttpAnswer {
  const { request, search } = asked;
  const { operation } = asked.route;
  const status = reply.status ?? operation.status;
  const headers = {
    ...commonHeaders(request),
    ...(reply.etag === undefined ? {} : { etag: reply.etag }),
    ...(reply.location === undefined || status !== 202
      ? {}
      : { location: pollUrl(request.origin, reply.location, search), "retry-after": retryAfterSeconds }),
  };
  const body = reply.body === undefined ? undefined : documentOf(reply.body, asked);
  if (body === undefined) return { status, headers: { ...headers, "content-length": "0" } };
  return jsonAnswer(status, headers, body);
}

function pollUrl(origin: string, path: string, search: URLSearchParams): string {
  return `${origin}${path}?api-version=${search.get("api-version")}`;
}

function documentOf(body: unknown, { request, path, search, version, route }: Asked): unknown {
  const { response: schema, shape } = route.operation;
  if (!schema) return undefined;
  if (shape !== "list") return writeDocument(schema, body, version);
  const select = selectedMembers(search);
  const write = (item: unknown) => select(writeDocument(schema, item, version));
  return writePage(body, { write, link: "nextLink", place: { baseUrl: request.origin, path, search } });
}
