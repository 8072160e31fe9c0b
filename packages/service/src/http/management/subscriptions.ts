import { ManagementError } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import type { Account } from "../../domain/account.ts";
import { type Grant, roleOn } from "../../domain/caller.ts";
import { localTenant } from "../../identity/local-issuer.ts";
import type { HttpAnswer } from "../answers.ts";
import type { Extension, HttpRequest } from "../serve.ts";
import { type AuthenticateOptions, authenticateManagement } from "./authenticate.ts";
import { managementErrorAnswer } from "./errors.ts";
import { commonHeaders, jsonAnswer } from "./json-answer.ts";
import { decode } from "./router.ts";

export interface SubscriptionOptions extends AuthenticateOptions {
  readonly listAccounts: () => Promise<readonly Account[]>;
  readonly isDatabaseAway: (cause: unknown) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * What clients of Azure ask of their resource manager before they come to Batch: tenants, subscriptions and resource
 * groups. Here these are nothing but the names under which accounts are kept, and a caller sees those of its accounts.
 */
export function subscriptionPages(options: SubscriptionOptions): Extension {
  return async (request) => {
    const [path = "", query = ""] = request.target.split(/\?(.*)/s);
    const page = pages.map(({ pattern, show }) => ({ found: pattern.exec(path), show })).find(({ found }) => found);
    if (!page?.found) return undefined;
    try {
      const grants = await authenticateManagement(request, options.clock.now(), options);
      return await answer(request, new URLSearchParams(query), async () =>
        page.show(
          seenBy(grants, await options.listAccounts()),
          ...(page.found?.slice(1).map((name) => decode(name) ?? "") ?? []),
        ),
      );
    } catch (cause) {
      return managementErrorAnswer(cause, request, options);
    }
  };
}

async function answer(request: HttpRequest, search: URLSearchParams, show: () => Promise<object>): Promise<HttpAnswer> {
  if (![...search.keys()].some((name) => name.toLowerCase() === "api-version"))
    throw new ManagementError("MissingApiVersionParameter");
  if (request.method !== "GET")
    throw new ManagementError(
      "OperationNotSupported",
      "Subscriptions and resource groups are there as soon as an account names them, and go with it.",
    );
  return jsonAnswer(200, commonHeaders(request), await show());
}

const seenBy = (grants: readonly Grant[], accounts: readonly Account[]) =>
  accounts.filter(({ name }) => roleOn(name, grants) !== undefined);

interface Page {
  readonly pattern: RegExp;
  /** @throws ManagementError for what none of the accounts names */
  readonly show: (accounts: readonly Account[], ...names: string[]) => object;
}

const pages: readonly Page[] = [
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

const subscriptionsOf = (accounts: readonly Account[]) =>
  distinct(accounts.map(({ subscriptionId }) => subscriptionId));

function subscription(accounts: readonly Account[], id: string): string {
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

function groupsOf(accounts: readonly Account[], subscriptionId: string) {
  const own = accounts.filter((account) => isSame(account.subscriptionId, subscriptionId));
  return distinct(own.map(({ resourceGroup }) => resourceGroup)).map((name) => ({
    id: `/subscriptions/${subscriptionId}/resourceGroups/${name}`,
    name,
    type: "Microsoft.Resources/resourceGroups",
    location: own.find(({ resourceGroup }) => isSame(resourceGroup, name))?.spec.location ?? "",
    properties: { provisioningState: "Succeeded" },
  }));
}

/** Names that differ by more than case, in their first spelling. */
const distinct = (names: readonly string[]) =>
  [...new Map(names.toReversed().map((name) => [name.toLowerCase(), name])).values()].toSorted();
