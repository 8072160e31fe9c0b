import type { IncomingMessage } from "node:http";
import { connectionError, parseAddress, send, type TransferOptions, withRetries } from "./transfer.ts";

export interface ListedBlob {
  readonly name: string;
  /** Whether it only marks a directory and holds nothing, so that directories without files are there. */
  readonly isDirectory: boolean;
}

/**
 * A container's blobs, in the service's order, page by page. Rejects with `TransferError`.
 * The container's address carries a SAS that allows listing.
 */
export async function* listBlobs(
  containerUrl: string,
  prefix: string,
  options: TransferOptions,
): AsyncGenerator<ListedBlob> {
  let marker = "";
  do {
    const page = await withRetries(options, () => readPage(containerUrl, { prefix, marker }, options));
    yield* blobsOf(page);
    marker = textOf(page, "NextMarker");
  } while (marker !== "");
}

async function readPage(containerUrl: string, query: { prefix: string; marker: string }, options: TransferOptions) {
  const url = parseAddress(containerUrl);
  url.searchParams.set("restype", "container");
  url.searchParams.set("comp", "list");
  url.searchParams.set("include", "metadata");
  for (const [name, value] of Object.entries(query)) if (value !== "") url.searchParams.set(name, value);
  const response = await send({ method: "GET", url: url.href, headers: { "x-ms-version": storageVersion } }, options);
  return readText(response).catch((cause: unknown) => {
    throw connectionError(containerUrl, cause);
  });
}

/** The version of the Blob protocol that we speak; new enough for every SAS, old enough for every Azurite. */
export const storageVersion = "2021-12-02";

async function readText(response: IncomingMessage): Promise<string> {
  response.setEncoding("utf8");
  let text = "";
  for await (const chunk of response) text += chunk;
  return text;
}

/** The blobs of one page of a listing. */
export function blobsOf(page: string): readonly ListedBlob[] {
  return [...page.matchAll(/<Blob>(.*?)<\/Blob>/gs)]
    .map(([, blob = ""]) => ({ name: textOf(blob, "Name"), isDirectory: isDirectory(blob) }))
    .filter(({ name }) => name !== "");
}

/**
 * Storage with a hierarchical namespace lists its directories. Whoever imitates directories elsewhere writes empty
 * blobs: with this metadata, as the file system drivers of Hadoop and Blobfuse do, or with a slash at the end.
 */
function isDirectory(blob: string): boolean {
  if (textOf(blob, "Name").endsWith("/") || textOf(blob, "ResourceType") === "directory") return true;
  return /<hdi_isfolder>true<\/hdi_isfolder>/i.test(blob) && textOf(blob, "Content-Length") === "0";
}

function textOf(xml: string, element: string): string {
  const [, attributes = "", text = ""] = new RegExp(`<${element}(\\s[^>]*)?>([^<]*)</${element}>`).exec(xml) ?? [];
  const plain = text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (_, decimal, hex, name) => {
    if (decimal) return String.fromCodePoint(Number(decimal));
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16));
    return entities.get(name) ?? "";
  });
  return attributes.includes('Encoded="true"') ? decodeURIComponent(plain) : plain;
}

const entities: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);
