import type { StorageAccount } from "@kyanite/storage";
import { localTenant } from "../identity/local-issuer.ts";

type NamedStorage = Pick<StorageAccount, "accountName" | "blobEndpoint" | "blobHttpsEndpoint">;

/**
 * What `/metadata/endpoints` says of this server as a cloud of its own, in the shape that a version of it has: until 2017
 * a few endpoints, from 2018 on a list of clouds, from 2022 on one cloud. Names of services that are not here are left
 * out, and what would be asked of Microsoft Graph is asked here, so that no client goes elsewhere with our tokens.
 */
export function cloudDescription(
  origin: string,
  version: string | undefined,
  storage: readonly NamedStorage[],
): object {
  const year = Number(/^\d{4}/.exec(version ?? "")?.[0] ?? 0);
  if (year < 2018) return earlyDescription(origin);
  const cloud = {
    name: "Kyanite",
    portal: origin,
    gallery: origin,
    graph: origin,
    graphAudience: origin,
    microsoftGraphResourceId: origin,
    resourceManager: origin,
    batch: "https://batch.core.windows.net/",
    authentication: { ...authenticationAt(origin), tenant: localTenant, identityProvider: "ADFS" },
    suffixes: storageSuffix(storage),
  };
  return year < 2022 ? [cloud] : cloud;
}

const earlyDescription = (origin: string) => ({
  galleryEndpoint: origin,
  graphEndpoint: origin,
  portalEndpoint: origin,
  authentication: authenticationAt(origin),
});

/** The first audience is the one that clients ask tokens for. */
const authenticationAt = (origin: string) => ({
  loginEndpoint: `${origin}/${localTenant}`,
  audiences: ["https://management.core.windows.net/", "https://management.azure.com/", origin],
});

/** What follows `ACCOUNT.blob.` where a storage account is reached by its name. */
function storageSuffix(storage: readonly NamedStorage[]): { storage?: string } {
  const [suffix] = storage.flatMap((account) => suffixOf(account) ?? []);
  return suffix === undefined ? {} : { storage: suffix };
}

/** The bundled account has its name in its path, and answers `ACCOUNT.blob.core.DOMAIN` as well at its port for HTTPS. */
function suffixOf({ accountName, blobEndpoint, blobHttpsEndpoint }: NamedStorage): string | undefined {
  const { host } = new URL(blobEndpoint);
  const before = `${accountName}.blob.`;
  if (host.startsWith(before)) return host.slice(before.length);
  const isBundled = blobHttpsEndpoint !== undefined && blobHttpsEndpoint !== blobEndpoint;
  return isBundled ? `core.${new URL(blobHttpsEndpoint).host}` : undefined;
}
