import { readFile } from "node:fs/promises";
import type { Server } from "node:net";
import { makeBoundedCertificate } from "@kyanite/service/host/certificate-authority";
import { type Endpoints, requireRunningEndpoints } from "@kyanite/service/host/endpoints";
import { createEndpoint } from "./endpoint.ts";
import { type Destination, redirectedNames } from "./names.ts";

/** The running server, and who answers there for each name of the cloud. */
export interface RedirectTarget {
  readonly endpoints: Endpoints;
  readonly destinations: ReadonlyMap<string, Destination>;
}

/** What redirecting to it takes. */
export interface Redirect {
  readonly endpoints: Endpoints;
  readonly names: readonly string[];
  /** An authority of its own, good for these names only, and that of the server; in PEM. */
  readonly authority: string;
  readonly serverAuthority: string;
  /** Answers for the names; still to listen. */
  readonly endpoint: Server;
}

/**
 * @param accounts names of Batch accounts; the one that the server was started with unless given
 * @throws when no server runs in the data directory
 */
export async function findTarget(dataDir: string, accounts: readonly string[]): Promise<RedirectTarget> {
  const endpoints = await requireRunningEndpoints(dataDir);
  return { endpoints, destinations: redirectedNames(endpoints, accounts.length > 0 ? accounts : [endpoints.account]) };
}

export async function planRedirect({ endpoints, destinations }: RedirectTarget): Promise<Redirect> {
  const names = [...destinations.keys()];
  const { authority, certificate, key } = await makeBoundedCertificate(names, new Date());
  const serverAuthority = await readFile(endpoints.caCertificate, "utf8");
  const endpoint = createEndpoint({ names: destinations, endpoints, serverAuthority, certificate, key });
  return { endpoints, names, authority, serverAuthority, endpoint };
}
