import { fstatSync } from "node:fs";
import { Readable } from "node:stream";
import { readPart } from "@kyanite/runtime";
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
  /** A file that is open for reading, and stays so until the upload is over. */
  readonly fd: number;
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
 * sent. Answers the size. Rejects with `TransferError`.
 */
export async function uploadFile(upload: Upload, options: TransferOptions): Promise<number> {
  const { size } = fstatSync(upload.fd);
  const url = blobUrl(parseAddress(upload.containerUrl).href, upload.blobName);
  if (size <= blockBytes) {
    const headers = { ...upload.headers, "x-ms-blob-type": "BlockBlob", "content-length": size };
    await put(() => ({ url, headers, body: part(upload, 0, size) }), options);
    return size;
  }
  const ids = await putBlocks(upload, { url, size }, options);
  const list = `<?xml version="1.0" encoding="utf-8"?><BlockList>${ids.map((id) => `<Latest>${id}</Latest>`).join("")}</BlockList>`;
  const headers = { ...upload.headers, "content-length": list.length };
  await put(() => ({ url: withQuery(url, { comp: "blocklist" }), headers, body: list }), options);
  return size;
}

async function putBlocks(upload: Upload, { url, size }: { url: string; size: number }, options: TransferOptions) {
  const length = Math.max(blockBytes, Math.ceil(size / mostBlocks));
  const ids: string[] = [];
  for (let start = 0; start < size; start += length) {
    const id = Buffer.from(String(ids.length).padStart(8, "0")).toString("base64");
    const end = Math.min(start + length, size);
    const request = () => ({
      url: withQuery(url, { comp: "block", blockid: id }),
      headers: { "content-length": end - start },
      body: part(upload, start, end),
    });
    await put(request, options);
    ids.push(id);
  }
  return ids;
}

function part({ fd, blobName }: Upload, start: number, end: number) {
  if (end === start) return "";
  // The other side would wait for what is missing.
  if (fstatSync(fd).size < end)
    throw new TransferError(`${blobName} has become shorter while it was uploaded`, {
      problem: "failed",
      isTransient: false,
    });
  return readPart(fd, start, end);
}

/** A request is made anew for each try: a stream can be read only once. */
async function put(request: () => Omit<TransferRequest, "method">, options: TransferOptions): Promise<void> {
  await withRetries(options, async () => {
    const { headers, ...rest } = request();
    try {
      const sent = { method: "PUT", ...rest, headers: { ...headers, "x-ms-version": storageVersion } } as const;
      (await send(sent, options)).resume();
    } finally {
      if (rest.body instanceof Readable) await closed(rest.body);
    }
  });
}

/** Until then the file is being read, whether or not anybody wants it. */
function closed(stream: Readable): Promise<void> {
  stream.destroy();
  return stream.closed ? Promise.resolve() : new Promise((resolve) => stream.once("close", resolve));
}

function withQuery(address: string, query: Readonly<Record<string, string>>): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}
