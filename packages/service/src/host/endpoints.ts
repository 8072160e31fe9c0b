import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readTextIfExists, writeFileAtomically } from "@kyanite/runtime";
import { readDataDirectoryOwner } from "./data-directory.ts";

const endpointNames = [
  "account",
  "accountKey",
  "batchUrl",
  "batchHttpsUrl",
  "armUrl",
  "caCertificate",
  "storageAccount",
  "storageConnectionString",
  "blobEndpoint",
  "blobHttpsEndpoint",
  "explorerUrl",
  "version",
] as const;

/**
 * How to reach a running server. `caCertificate` is the path of a PEM file; the URLs have no slash at their end but
 * where their scheme asks for one. `blobHttpsEndpoint` is empty for a storage account of somebody else's without HTTPS;
 * the bundled one is `https://ACCOUNT.blob.localhost:PORT` as well. The file is there when, and only when, the server answers.
 */
export type Endpoints = Readonly<Record<(typeof endpointNames)[number], string>> & { readonly pid: number };

/**
 * Beside the authority's certificate: it and those that the machine trusts in one file, for programs in which naming a
 * file of authorities replaces those they trust otherwise.
 */
export const authorityBundle = (caCertificate: string) => join(dirname(caCertificate), "ca-bundle.pem");
/** The same as Java reads it. */
export const authorityTrustStore = (caCertificate: string) => join(dirname(caCertificate), "ca-bundle.p12");

const endpointsFile = (dataDirectory: string) => join(dataDirectory, "endpoints.json");

export function writeEndpoints(dataDirectory: string, endpoints: Endpoints): Promise<void> {
  return writeFileAtomically(endpointsFile(dataDirectory), `${JSON.stringify(endpoints, null, 2)}\n`);
}

export function removeEndpoints(dataDirectory: string): Promise<void> {
  return rm(endpointsFile(dataDirectory), { force: true });
}

/**
 * The endpoints of the server that runs in this data directory; undefined when none does, or not yet.
 * @throws when the file is damaged
 */
export async function readRunningEndpoints(dataDirectory: string): Promise<Endpoints | undefined> {
  const owner = await readDataDirectoryOwner(dataDirectory);
  const text = await readTextIfExists(endpointsFile(dataDirectory));
  if (owner === undefined || text === undefined) return undefined;
  const endpoints = parseEndpoints(text);
  if (endpoints === undefined)
    throw new Error(`${endpointsFile(dataDirectory)} is damaged: restart the server, which writes it anew`);
  // A server that was killed has left its file to the one that is starting now.
  return endpoints.pid === owner.pid ? endpoints : undefined;
}

/**
 * The endpoints of the server that runs in this data directory.
 * @throws when none does, saying what to do
 */
export async function requireRunningEndpoints(dataDirectory: string): Promise<Endpoints> {
  const endpoints = await readRunningEndpoints(dataDirectory);
  if (endpoints === undefined) throw await noServerIn(dataDirectory);
  return endpoints;
}

/** What somebody is told who needs a server that does not run, or not yet. */
export async function noServerIn(dataDirectory: string): Promise<Error> {
  const owner = await readDataDirectoryOwner(dataDirectory);
  return new Error(
    owner === undefined
      ? `no server is running in ${dataDirectory}: start one with "kyanite start", or name another --data-dir`
      : `the server in ${dataDirectory} (process ${owner.pid}) does not answer yet, or is stopping: try again once it has logged "ready"`,
  );
}

function parseEndpoints(text: string): Endpoints | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isEndpoints(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEndpoints(value: unknown): value is Endpoints {
  if (typeof value !== "object" || value === null) return false;
  const entries = new Map<string, unknown>(Object.entries(value));
  return typeof entries.get("pid") === "number" && endpointNames.every((name) => typeof entries.get(name) === "string");
}
