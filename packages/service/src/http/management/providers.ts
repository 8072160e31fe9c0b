import { ManagementError } from "@kyanite/contract";
import type { StorageAccount } from "@kyanite/storage";
import { type Grant, strongestRole } from "../../domain/account/caller.ts";
import type { Extension, HttpRequest } from "../serve.ts";
import { commonHeaders, jsonAnswer } from "./json-answer.ts";
import { managementPart, type PartOptions, requireVersion } from "./part.ts";

export interface ProviderOptions extends PartOptions {
  /** Storage accounts that Batch accounts can be linked with. */
  readonly storage: readonly StorageAccount[];
}

const form = /^(?:(\/subscriptions\/[^/]+)(?:\/resourceGroups\/[^/]+)?)?\/providers\/([^/]+)(?:\/(.+?))?\/?$/i;

/**
 * What clients ask of other resource providers. Of Microsoft.Storage the accounts are there with which Batch accounts
 * can be linked, in whatever group they are looked for; any other provider is none of this server.
 */
export function providerPages(options: ProviderOptions): Extension {
  const find = (path: string) => {
    const [, subscription = "", namespace, rest = ""] = form.exec(path) ?? [];
    return namespace === undefined ? undefined : { subscription, namespace, rest, base: path.replace(/\/$/, "") };
  };
  return managementPart(
    find,
    async ({ request, found, grants, principal, notes }) => {
      requireVersion(request);
      const role = strongestRole(grants);
      const by = { credential: { kind: "principal", principal } as const, ...(role && { role }) };
      if (tellsKeys(request.method, found.rest))
        notes.learn({ operation: { name: "StorageAccount_ListKeys", isKept: true }, by });
      const asked = { ...found, method: request.method, grants };
      return jsonAnswer(200, commonHeaders(request), show(asked, options.storage));
    },
    options,
  );
}

interface Asked extends Pick<HttpRequest, "method"> {
  /** The path without a slash at its end. */
  readonly base: string;
  readonly subscription: string;
  readonly namespace: string;
  /** What follows the provider. */
  readonly rest: string;
  readonly grants: readonly Grant[];
}

function show(asked: Asked, storage: readonly StorageAccount[]): object {
  const { method, namespace, rest, grants } = asked;
  const role = strongestRole(grants);
  if (!role) throw new ManagementError("AuthorizationFailed");
  const isStorage = namespace.toLowerCase() === "microsoft.storage";
  if (rest === "" && (isStorage || namespace.toLowerCase() === "microsoft.batch")) return registration(asked);
  if (!isStorage) throw new ManagementError("InvalidResourceNamespace", `'${namespace}'.`);
  const [type = "", name, child = "", ...more] = rest.split("/");
  if (type.toLowerCase() !== "storageaccounts" || more.length > 1) throw new ManagementError("NotFound");
  if (name === undefined && method === "GET")
    return { value: storage.map((account) => wireAccount(`${asked.base}/${account.accountName}`, account)) };
  const account = storage.find(({ accountName }) => accountName === name?.toLowerCase());
  if (!account) throw new ManagementError("ResourceNotFound", `'Microsoft.Storage/storageAccounts/${name}'.`);
  switch (`${method} ${child.toLowerCase()}`) {
    case "GET ":
      return wireAccount(asked.base, account);
    case "POST listkeys":
      return keysOf(account, grants);
    case "GET blobservices":
      return more.length === 0 ? { value: [blobService(`${asked.base}/default`)] } : blobService(asked.base);
    default:
      throw new ManagementError("OperationNotSupported", "Storage accounts are named by this server's settings.");
  }
}

const tellsKeys = (method: string, rest: string) =>
  method === "POST" && /^storageAccounts\/[^/]+\/listKeys$/i.test(rest);

/** There is nothing that would have to be registered. */
function registration({ subscription, namespace }: Asked): object {
  const id = `${subscription}/providers/${namespace}`;
  return { id, namespace, registrationState: "Registered", registrationPolicy: "RegistrationFree", resourceTypes: [] };
}

function wireAccount(id: string, { accountName, blobEndpoint }: StorageAccount): object {
  return {
    id,
    name: accountName,
    type: "Microsoft.Storage/storageAccounts",
    kind: "StorageV2",
    location: "local",
    sku: { name: "Standard_LRS", tier: "Standard" },
    properties: {
      provisioningState: "Succeeded",
      primaryEndpoints: { blob: `${blobEndpoint}/` },
      primaryLocation: "local",
      statusOfPrimary: "available",
    },
  };
}

/** Keys open what all Batch accounts keep there, so they are for the owners of all. */
function keysOf({ accountKey }: StorageAccount, grants: readonly Grant[]): object {
  if (!grants.some(({ role, accountName }) => role === "owner" && accountName === undefined))
    throw new ManagementError("AuthorizationFailed", "Keys of a storage account are for owners of all accounts.");
  const keys = accountKey === undefined ? [] : [{ keyName: "key1", value: accountKey, permissions: "FULL" }];
  return { keys };
}

function blobService(id: string): object {
  return {
    id,
    name: "default",
    type: "Microsoft.Storage/storageAccounts/blobServices",
    properties: { cors: { corsRules: [] }, deleteRetentionPolicy: { enabled: false } },
  };
}
