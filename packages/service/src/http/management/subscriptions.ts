import { type ApiVersion, FreeObject, ManagementError } from "@kyanite/contract";
import { type Grant, roleOn, strongestRole } from "../../domain/account/caller.ts";
import { localTenant } from "../../identity/local-issuer.ts";
import type { AccountPlace } from "../../store/accounts.ts";
import type { HttpAnswer } from "../answers.ts";
import { readBody } from "../request-body.ts";
import { decode } from "../router.ts";
import type { Extension, HttpRequest } from "../serve.ts";
import { managementTypes } from "./body-types.ts";
import { commonHeaders, jsonAnswer } from "./json-answer.ts";
import { managementPart, type PartOptions, requireVersion } from "./part.ts";

export interface SubscriptionOptions extends PartOptions {
  readonly listAccounts: () => Promise<readonly AccountPlace[]>;
}

/**
 * What clients of Azure ask of their resource manager before they come to Batch: tenants, subscriptions and resource
 * groups. Here these are nothing but the names under which accounts are kept, and a caller sees those of its accounts.
 */
export function subscriptionPages(options: SubscriptionOptions): Extension {
  return managementPart(
    findPage,
    async ({ request, path, found: { page, names }, grants }) => {
      if (page.isGroup && request.method === "PUT") return nameGroup(request, path, grants);
      return answer(request, async () => page.show(seenBy(grants, await options.listAccounts()), ...names));
    },
    options,
  );
}

function findPage(path: string) {
  for (const page of pages) {
    const found = page.pattern.exec(path);
    if (found) return { page, names: found.slice(1).map((name) => decode(name) ?? "") };
  }
  return undefined;
}

/** A group is there as soon as an account names it, so that making one keeps nothing. */
async function nameGroup(request: HttpRequest, path: string, grants: readonly Grant[]): Promise<HttpAnswer> {
  if (strongestRole(grants) !== "owner") throw new ManagementError("AuthorizationFailed");
  const [, , subscriptionId = "", , encoded = ""] = path.split("/");
  const name = decode(encoded);
  if (name === undefined || !/^[\w().-]{1,90}$/.test(name)) throw new ManagementError("InvalidRequestBody");
  const body = await readBody(request, { body: FreeObject() }, newestVersion, managementTypes);
  const location = typeof body === "object" && body !== null && "location" in body ? String(body.location) : "";
  return jsonAnswer(200, commonHeaders(request), wireGroup({ subscriptionId, name, location }));
}

const newestVersion: ApiVersion = "2026-10-01";

async function answer(request: HttpRequest, show: () => Promise<object>): Promise<HttpAnswer> {
  requireVersion(request);
  if (request.method !== "GET")
    throw new ManagementError(
      "OperationNotSupported",
      "Subscriptions and resource groups are there as soon as an account names them, and go with it.",
    );
  return jsonAnswer(200, commonHeaders(request), await show());
}

const seenBy = (grants: readonly Grant[], accounts: readonly AccountPlace[]) =>
  accounts.filter(({ name }) => roleOn(name, grants) !== undefined);

interface ResourcePage {
  readonly pattern: RegExp;
  /** Whether a PUT names one that is not there yet. */
  readonly isGroup?: true;
  /** @throws ManagementError for what none of the accounts names */
  readonly show: (accounts: readonly AccountPlace[], ...names: string[]) => object;
}

const pages: readonly ResourcePage[] = [
  { pattern: /^\/tenants\/?$/i, show: () => ({ value: [tenant] }) },
  {
    pattern: /^\/subscriptions\/?$/i,
    show: (accounts) => ({ value: subscriptionsOf(accounts).map(wireSubscription) }),
  },
  {
    pattern: /^\/subscriptions\/([^/]+)\/?$/i,
    show: (accounts, id = "") => wireSubscription(subscription(accounts, id)),
  },
  {
    pattern: /^\/subscriptions\/([^/]+)\/resourceGroups\/?$/i,
    show: (accounts, id = "") => ({ value: groupsOf(accounts, subscription(accounts, id)) }),
  },
  {
    pattern: /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/?$/i,
    isGroup: true,
    show: (accounts, id = "", name = "") => {
      const group = groupsOf(accounts, subscription(accounts, id)).find((each) => isSame(each.name, name));
      if (!group) throw new ManagementError("ResourceGroupNotFound", `'${name}'.`);
      return group;
    },
  },
];

const tenant = {
  id: `/tenants/${localTenant}`,
  tenantId: localTenant,
  tenantCategory: "Home",
  displayName: "Kyanite",
};

const isSame = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

const subscriptionsOf = (accounts: readonly AccountPlace[]) =>
  distinct(accounts.map(({ subscriptionId }) => subscriptionId));

function subscription(accounts: readonly AccountPlace[], id: string): string {
  const found = subscriptionsOf(accounts).find((each) => isSame(each, id));
  if (found === undefined) throw new ManagementError("SubscriptionNotFound", `'${id}'.`);
  return found;
}

function wireSubscription(subscriptionId: string) {
  return {
    id: `/subscriptions/${subscriptionId}`,
    subscriptionId,
    tenantId: localTenant,
    displayName: "Kyanite",
    state: "Enabled",
    authorizationSource: "RoleBased",
    managedByTenants: [],
  };
}

function groupsOf(accounts: readonly AccountPlace[], subscriptionId: string) {
  const own = accounts.filter((account) => isSame(account.subscriptionId, subscriptionId));
  return distinct(own.map(({ resourceGroup }) => resourceGroup)).map((name) => {
    const location = own.find(({ resourceGroup }) => isSame(resourceGroup, name))?.location ?? "";
    return wireGroup({ subscriptionId, name, location });
  });
}

function wireGroup({
  subscriptionId,
  name,
  location,
}: Readonly<Record<"subscriptionId" | "name" | "location", string>>) {
  return {
    id: `/subscriptions/${subscriptionId}/resourceGroups/${name}`,
    name,
    type: "Microsoft.Resources/resourceGroups",
    location,
    properties: { provisioningState: "Succeeded" },
  };
}

/** Names that differ by more than case, in their first spelling. */
const distinct = (names: readonly string[]) =>
  [...new Map(names.toReversed().map((name) => [name.toLowerCase(), name])).values()].toSorted();
