import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { blobUrl } from "./blob-url.ts";
import { storageVersion } from "./list.ts";
import {
  parseAddress,
  send,
  TransferError,
  type TransferOptions,
  type TransferRequest,
  withRetries,
} from "./transfer.ts";

export interface Upload {
  readonly file: string;
  /** With a SAS that allows writing. */
  readonly containerUrl: string;
  readonly blobName: string;
  /** Such as `x-ms-blob-content-type`. */
  readonly headers?: Readonly<Record<string, string>>;
}

const blockBytes = 8 * 1024 * 1024;
const mostBlocks = 50_000;

/**
 * Writes a file to a block blob, replacing what was there. Memory stays small whatever the size: a large file goes in
 * blocks, one after the other. A file that grows meanwhile is sent as long as it was; one that gets shorter is not
 * sent. Rejects with `TransferError`.
 */
export async function uploadFile(upload: Upload, options: TransferOptions): Promise<void> {
  const { size } = await stat(upload.file);
  const url = blobUrl(parseAddress(upload.containerUrl).href, upload.blobName);
  if (size <= blockBytes) {
    const headers = { ...upload.headers, "x-ms-blob-type": "BlockBlob" };
    return put(
      async () => ({ url, headers: { ...headers, "content-length": size }, body: await part(upload.file, 0, size) }),
      options,
    );
  }
  const ids = await putBlocks(upload.file, { url, size }, options);
  const list = `<?xml version="1.0" encoding="utf-8"?><BlockList>${ids.map((id) => `<Latest>${id}</Latest>`).join("")}</BlockList>`;
  await put(
    async () => ({
      url: withQuery(url, { comp: "blocklist" }),
      headers: { ...upload.headers, "content-length": list.length },
      body: list,
    }),
    options,
  );
}

async function putBlocks(file: string, { url, size }: { url: string; size: number }, options: TransferOptions) {
  const length = Math.max(blockBytes, Math.ceil(size / mostBlocks));
  const ids: string[] = [];
  for (let start = 0; start < size; start += length) {
    const id = Buffer.from(String(ids.length).padStart(8, "0")).toString("base64");
    const end = Math.min(start + length, size);
    const request = async () => ({
      url: withQuery(url, { comp: "block", blockid: id }),
      headers: { "content-length": end - start },
      body: await part(file, start, end),
    });
    await put(request, options);
    ids.push(id);
  }
  return ids;
}

async function part(file: string, start: number, end: number) {
  if (end === start) return "";
  // The other side would wait for what is missing.
  if ((await stat(file)).size < end)
    throw new TransferError(`${file} has become shorter while it was uploaded`, {
      problem: "failed",
      isTransient: false,
    });
  return createReadStream(file, { start, end: end - 1 });
}

/** A request is made anew for each try: a stream can be read only once. */
async function put(request: () => Promise<Omit<TransferRequest, "method">>, options: TransferOptions): Promise<void> {
  await withRetries(options, async () => {
    const { headers, ...rest } = await request();
    const response = await send(
      { method: "PUT", ...rest, headers: { ...headers, "x-ms-version": storageVersion } },
      options,
    );
    response.resume();
  });
}

function withQuery(address: string, query: Readonly<Record<string, string>>): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}
