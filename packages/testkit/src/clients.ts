import { BatchServiceClient, BatchSharedKeyCredentials } from "@azure/batch";
import { BlobServiceClient, type ContainerClient, ContainerSASPermissions } from "@azure/storage-blob";
import type { RunningService } from "./running-service.ts";

/** The official client of the Batch API, as a user of the account would make it. */
export function batchClient({ account, url }: Pick<RunningService, "account" | "url">): BatchServiceClient {
  return new BatchServiceClient(new BatchSharedKeyCredentials(account.name, account.key), url);
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
