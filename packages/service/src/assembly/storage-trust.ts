import type { Trust } from "@kyanite/storage";
import { grantOf, type LocalIssuer, localTenant } from "../identity/local-issuer.ts";
import { storageRoleOf } from "../identity/storage-role.ts";
import type { Database } from "../store/database.ts";
import { listServicePrincipals } from "../store/identities.ts";
import { type Following, whenNoticed } from "./following.ts";

interface TrustParts {
  readonly issuer: LocalIssuer;
  /** Where the server answers over HTTPS. */
  readonly httpsUrl: string;
}

/** Tells whose tokens the bundled storage is to believe: now, and whenever that has changed. */
export async function followStorageTrust(
  tell: (trust: Trust) => Promise<void>,
  parts: Following & TrustParts,
): Promise<void> {
  const tellAll = async () => tell(await readTrust(parts.database, parts));
  await tellAll();
  await whenNoticed("principals", parts, tellAll);
}

async function readTrust(database: Database, { issuer, httpsUrl }: TrustParts): Promise<Trust> {
  const principals = await listServicePrincipals(database);
  const roles = principals.flatMap((principal) => {
    const role = storageRoleOf(grantOf(principal));
    return role === undefined ? [] : [[principal.clientId, role] as const];
  });
  const authority = `${httpsUrl}/${localTenant}`;
  return { authority, keys: issuer.jwks.keys, principals: Object.fromEntries(roles) };
}
