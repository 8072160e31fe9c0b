import { cloudAccountNames, cloudHosts } from "@kyanite/service/domain/host-names";
import type { Endpoints } from "@kyanite/service/host/endpoints";

/** Who answers under a name: the server, its bundled storage, or nobody, and then it is refused with a reason. */
export type Destination = "server" | "storage" | "nobody";

/** What the storage of the cloud has besides blobs, and this one has not. */
const otherStorage = ["queue", "table", "file", "dfs"];

/**
 * The names of the cloud under which programs look for these Batch accounts, for the bundled storage account, and for
 * where to sign in and to manage accounts.
 */
export function redirectedNames(
  { storageAccount, blobHttpsEndpoint }: Pick<Endpoints, "storageAccount" | "blobHttpsEndpoint">,
  accounts: readonly string[],
): ReadonlyMap<string, Destination> {
  const names = new Map<string, Destination>();
  for (const name of [...cloudHosts, ...accounts.flatMap(cloudAccountNames)]) names.set(name, "server");
  // A storage account of somebody else's is where it says it is.
  if (!/^https:\/\/localhost:/.test(blobHttpsEndpoint)) return names;
  names.set(`${storageAccount}.blob.core.windows.net`, "storage");
  for (const kind of otherStorage) names.set(`${storageAccount}.${kind}.core.windows.net`, "nobody");
  return names;
}
