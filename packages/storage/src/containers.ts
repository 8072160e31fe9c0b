import type { StoragePipelineOptions } from "@azure/storage-blob";
import type { StorageAccount } from "./account.ts";
import { blobUrl } from "./blob-url.ts";

/** What a signed URL allows. */
export interface SignedUrlOptions {
  readonly container: string;
  /** The whole container when absent. */
  readonly blob?: string;
  /** Letters of the service, such as `r`, `rl` or `racwdl`. */
  readonly permissions: string;
  readonly startsOn?: Date;
  readonly expiresOn: Date;
}

/**
 * A URL that lets whoever has it do what `permissions` say, until it expires. An account that we know by a SAS only
 * cannot sign another, so there the URL carries that one.
 */
export async function signUrl(account: StorageAccount, options: SignedUrlOptions): Promise<string> {
  const { container, blob } = options;
  const containerUrl = `${account.blobEndpoint}/${container}`;
  const url = blob === undefined ? containerUrl : blobUrl(containerUrl, blob);
  return `${url}?${account.accountKey === undefined ? account.sas : await sign(account, account.accountKey, options)}`;
}

async function sign(account: StorageAccount, accountKey: string, options: SignedUrlOptions): Promise<string> {
  const blobs = await import("@azure/storage-blob");
  const { container, blob, permissions, startsOn, expiresOn } = options;
  const credential = new blobs.StorageSharedKeyCredential(account.accountName, accountKey);
  const common = { containerName: container, expiresOn, ...(startsOn && { startsOn }) };
  const target =
    blob === undefined
      ? { permissions: blobs.ContainerSASPermissions.parse(permissions) }
      : { blobName: blob, permissions: blobs.BlobSASPermissions.parse(permissions) };
  return blobs.generateBlobSASQueryParameters({ ...common, ...target }, credential).toString();
}

/** Makes a private container; false when there was one. */
export async function createContainer(
  account: StorageAccount,
  container: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const client = (await blobService(account)).getContainerClient(container);
  const { succeeded } = await client.createIfNotExists(signal && { abortSignal: signal });
  return succeeded;
}

/** Removes a container with all that is in it; false when there was none. */
export async function deleteContainer(
  account: StorageAccount,
  container: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const client = (await blobService(account)).getContainerClient(container);
  const { succeeded } = await client.deleteIfExists(signal && { abortSignal: signal });
  return succeeded;
}

export interface BlobPlace {
  readonly container: string;
  readonly blob: string;
}

/** Whether a blob has been written. */
export async function hasBlob(account: StorageAccount, { container, blob }: BlobPlace): Promise<boolean> {
  return (await blobService(account)).getContainerClient(container).getBlobClient(blob).exists();
}

/**
 * Copies a blob to another name in its container, and waits until the copy is whole.
 * @param expiresOn until when the storage may read the blob
 */
export async function copyBlob(
  account: StorageAccount,
  { container, blob, to, expiresOn }: BlobPlace & { readonly to: string; readonly expiresOn: Date },
): Promise<void> {
  const source = await signUrl(account, { container, blob, permissions: "r", expiresOn });
  const client = (await blobService(account)).getContainerClient(container).getBlobClient(to);
  await (await client.beginCopyFromURL(source, { intervalInMs: 500 })).pollUntilDone();
}

export interface NewBlob extends BlobPlace {
  readonly content: Buffer;
  readonly contentType: string;
  /** Kept with the blob, so that its author knows it again. */
  readonly author: string;
}

/**
 * Writes a small blob that is not there yet, and its container if need be.
 * @returns its ETag, also when its author has written it before; undefined when there is another's
 */
export async function createBlob(account: StorageAccount, blob: NewBlob): Promise<string | undefined> {
  try {
    return await putNewBlob(account, blob);
  } catch (cause) {
    if (statusOf(cause) !== 404) throw cause;
    await createContainer(account, blob.container);
    return putNewBlob(account, blob);
  }
}

/** Whoever brings a blob tries again himself, and holds up nobody meanwhile. */
const once = { retryOptions: { maxTries: 1 } };

async function putNewBlob(account: StorageAccount, { container, blob, ...written }: NewBlob) {
  const { content, contentType, author } = written;
  const client = (await blobService(account, once)).getContainerClient(container).getBlockBlobClient(blob);
  try {
    const { etag } = await client.upload(content, content.length, {
      conditions: { ifNoneMatch: "*" },
      blobHTTPHeaders: { blobContentType: contentType },
      metadata: { author },
    });
    return etag;
  } catch (cause) {
    if (statusOf(cause) !== 409 && statusOf(cause) !== 412) throw cause;
    const { etag, metadata } = await client.getProperties();
    return metadata?.author === author ? etag : undefined;
  }
}

/** The beginning of a blob, up to `mostBytes`; undefined when there is none. */
export async function readBlob(
  account: StorageAccount,
  { container, blob }: BlobPlace,
  mostBytes: number,
): Promise<Buffer | undefined> {
  const client = (await blobService(account)).getContainerClient(container).getBlobClient(blob);
  try {
    const { contentLength = 0 } = await client.getProperties();
    return contentLength === 0 ? Buffer.alloc(0) : await client.downloadToBuffer(0, Math.min(contentLength, mostBytes));
  } catch (cause) {
    if (statusOf(cause) === 404) return undefined;
    throw cause;
  }
}

/**
 * Removes a blob; nothing happens when there is none.
 * @param place with an ETag when only what was written then is to go
 */
export async function deleteBlob(
  account: StorageAccount,
  { container, blob, etag }: BlobPlace & { readonly etag?: string | null },
): Promise<void> {
  const client = (await blobService(account)).getContainerClient(container).getBlobClient(blob);
  // The library's own `deleteIfExists` fails where the whole container is gone.
  await client.delete(etag ? { conditions: { ifMatch: etag } } : {}).catch((cause: unknown) => {
    const isChanged = etag && statusOf(cause) === 412;
    if (!isChanged && statusOf(cause) !== 404) throw cause;
  });
}

const statusOf = (cause: unknown) =>
  typeof cause === "object" && cause !== null && "statusCode" in cause ? cause.statusCode : undefined;

/** Whether an account could not be reached, so that trying again later makes sense. */
export function isStorageAway(cause: unknown): boolean {
  // Without a status there was no answer.
  return cause instanceof Error && cause.name === "RestError" && !("statusCode" in cause && cause.statusCode);
}

/** The library is big, so it is loaded when it is needed. */
async function blobService(account: StorageAccount, options: StoragePipelineOptions = {}) {
  const blobs = await import("@azure/storage-blob");
  if (account.accountKey === undefined)
    return new blobs.BlobServiceClient(`${account.blobEndpoint}?${account.sas}`, undefined, options);
  const credential = new blobs.StorageSharedKeyCredential(account.accountName, account.accountKey);
  return new blobs.BlobServiceClient(account.blobEndpoint, credential, options);
}
