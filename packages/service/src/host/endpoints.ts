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
  "explorerUrl",
  "version",
] as const;

/**
 * How to reach a running server. `caCertificate` is the path of a PEM file; the URLs have no slash at their end but
 * where their scheme asks for one. The file is there when, and only when, the server answers.
 */
export type Endpoints = Readonly<Record<(typeof endpointNames)[number], string>> & { readonly pid: number };

/**
 * Beside the authority's certificate: it and the usual public ones in one file, for programs in which naming a file of
 * authorities replaces those they trust otherwise.
 */
export const authorityBundle = (caCertificate: string) => join(dirname(caCertificate), "ca-bundle.pem");

const endpointsFile = (dataDirectory: string) => join(dataDirectory, "endpoints.json");

export function writeEndpoints(dataDirectory: string, endpoints: Endpoints): Promise<void> {
  return writeFileAtomically(endpointsFile(dataDirectory), `${JSON.stringify(endpoints, null, 2)}\n`);
}

export function removeEndpoints(dataDirectory: string): Promise<void> {
  return rm(endpointsFile(dataDirectory), { force: true });
}

/** The endpoints of the server that runs in this data directory; undefined when none does, or not yet. */
export async function readRunningEndpoints(dataDirectory: string): Promise<Endpoints | undefined> {
  const owner = await readDataDirectoryOwner(dataDirectory);
  const text = await readTextIfExists(endpointsFile(dataDirectory));
  if (owner === undefined || text === undefined) return undefined;
  const value: unknown = JSON.parse(text);
  // A server that was killed has left its file to the one that is starting now.
  return isEndpoints(value) && value.pid === owner.pid ? value : undefined;
}

function isEndpoints(value: unknown): value is Endpoints {
  if (typeof value !== "object" || value === null) return false;
  const entries = new Map<string, unknown>(Object.entries(value));
  return typeof entries.get("pid") === "number" && endpointNames.every((name) => typeof entries.get(name) === "string");
}
