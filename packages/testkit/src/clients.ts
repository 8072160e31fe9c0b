import { randomUUID } from "node:crypto";
import { BatchManagementClient } from "@azure/arm-batch";
import { BatchServiceClient, BatchSharedKeyCredentials } from "@azure/batch";
import { BlobServiceClient, type ContainerClient, ContainerSASPermissions } from "@azure/storage-blob";
import { addServicePrincipal, type Role } from "@kyanite/service/identity/principals";
import type { RunningService } from "./running-service.ts";
import { until } from "./until.ts";

/** The official client of the Batch API, as a user of the account would make it. */
export function batchClient({ account, url }: Pick<RunningService, "account" | "url">): BatchServiceClient {
  return new BatchServiceClient(new BatchSharedKeyCredentials(account.name, account.key), url);
}

/** Waits until a pool can be resized; its nodes can be idle a moment before that. */
export function steadyPool(client: BatchServiceClient, id: string, seconds?: number) {
  return until(
    () => client.pool.get(id),
    ({ allocationState }) => allocationState === "steady",
    seconds,
  );
}

/** The subscription and resource group of the account that every service starts with. */
export const firstGroup = { subscriptionId: "00000000-0000-0000-0000-000000000000", resourceGroup: "kyanite" } as const;

export interface ManagementClientOptions {
  readonly subscriptionId?: string;
  /** `owner` unless given. */
  readonly role?: Role;
  /** The only account that the client may use; all of them when absent. */
  readonly accountName?: string;
  readonly apiVersion?: string;
  /** What the client says it is, before its own name. */
  readonly userAgent?: string;
}

/** The official client of the management plane, signed in as a service principal of its own; it needs `https`. */
export async function managementClient(
  service: Pick<RunningService, "database" | "url" | "https">,
  {
    subscriptionId = firstGroup.subscriptionId,
    role = "owner",
    accountName,
    apiVersion,
    userAgent,
  }: ManagementClientOptions = {},
): Promise<BatchManagementClient> {
  const getToken = await managementToken(service, { role, ...(accountName === undefined ? {} : { accountName }) });
  return new BatchManagementClient({ getToken }, subscriptionId, {
    endpoint: service.https.url,
    tlsOptions: { ca: service.https.ca },
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(userAgent === undefined ? {} : { userAgentOptions: { userAgentPrefix: userAgent } }),
  });
}

/** A bearer token of the data plane for a new service principal that owns every account. */
export async function batchToken(service: Pick<RunningService, "database" | "url">): Promise<string> {
  const getToken = await tokensFor("https://batch.core.windows.net/", service, { role: "owner" });
  return (await getToken()).token;
}

/** Gets bearer tokens of the management plane for a new service principal. */
export function managementToken(
  service: Pick<RunningService, "database" | "url">,
  principal: { readonly role: Role; readonly accountName?: string },
): Promise<TokenGetter> {
  return tokensFor("https://management.azure.com/", service, principal);
}

type TokenGetter = () => Promise<{ token: string; expiresOnTimestamp: number }>;

async function tokensFor(
  resource: string,
  { database, url }: Pick<RunningService, "database" | "url">,
  { role, accountName }: { readonly role: Role; readonly accountName?: string },
): Promise<TokenGetter> {
  const principal = { name: randomUUID(), role, accountName: accountName ?? null };
  const added = await addServicePrincipal(database, principal, new Date());
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: added?.clientId ?? "",
    client_secret: added?.secret ?? "",
    resource,
  });
  return async () => {
    const response = await fetch(`${url}/adfs/oauth2/token`, { method: "POST", body });
    const { access_token: token } = JSON.parse(await response.text());
    return { token: String(token), expiresOnTimestamp: Date.now() + 3_000_000 };
  };
}

/** A container of a test's own in the shared storage account, and signed URLs into it. */
export async function storageContainer(
  { storage }: Pick<RunningService, "storage">,
  name: string,
): Promise<TestContainer> {
  const service = BlobServiceClient.fromConnectionString(storage.connectionString);
  const container = service.getContainerClient(`${name}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
  await container.create();
  const permissions = ContainerSASPermissions.parse("racwdl");
  const url = await container.generateSasUrl({ permissions, expiresOn: new Date("2100-01-01") });
  return {
    container,
    url,
    urlOf: (blob) => url.replace("?", `/${blob}?`),
    upload: async (blob, text) => {
      await container.getBlockBlobClient(blob).upload(text, Buffer.byteLength(text));
    },
    text: async (blob) => (await container.getBlobClient(blob).downloadToBuffer()).toString(),
  };
}

export interface TestContainer {
  readonly container: ContainerClient;
  /** With a signature that allows everything. */
  readonly url: string;
  readonly urlOf: (blob: string) => string;
  readonly upload: (blob: string, text: string) => Promise<void>;
  readonly text: (blob: string) => Promise<string>;
}
