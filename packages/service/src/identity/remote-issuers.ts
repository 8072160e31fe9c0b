import { createRemoteJWKSet, type JWTVerifyGetKey } from "jose";
import { type Grant, grantsIn, type Role } from "../domain/account/caller.ts";
import { withoutSlash } from "./audiences.ts";
import type { TrustedIssuer } from "./tokens.ts";

export interface RemoteIssuerSettings {
  /** URLs of OpenID Connect issuers, such as `https://login.microsoftonline.com/TENANT/v2.0`. */
  readonly issuers: readonly string[];
  /** The claim that names roles. */
  readonly roleClaim: string;
  /** The role of a valid token whose claim names none; without it such a token permits nothing. */
  readonly defaultRole: Role | undefined;
}

/** Issuers elsewhere: their keys are fetched when first needed, and again when a token names one that is not known. */
export function remoteIssuers({ issuers, roleClaim, defaultRole }: RemoteIssuerSettings): TrustedIssuer[] {
  return issuers.map((url) => ({
    issues: (issuer) => withoutSlash(issuer) === withoutSlash(url),
    keys: discoveredKeys(url),
    grantsOf: (claims) => {
      const grants: Grant[] = grantsIn(claims[roleClaim]);
      return grants.length === 0 && defaultRole !== undefined ? [{ role: defaultRole }] : grants;
    },
  }));
}

function discoveredKeys(issuer: string): JWTVerifyGetKey {
  let found: Promise<JWTVerifyGetKey> | undefined;
  return async (header, token) => {
    found ??= discover(issuer);
    try {
      const keys = await found;
      return await keys(header, token);
    } catch (cause) {
      // What could not be discovered is looked for again with the next token.
      found = found && (await isSettled(found)) ? found : undefined;
      throw cause;
    }
  };
}

const isSettled = (keys: Promise<unknown>) =>
  keys.then(
    () => true,
    () => false,
  );

const discoverySeconds = 5;

async function discover(issuer: string): Promise<JWTVerifyGetKey> {
  const url = `${withoutSlash(issuer)}/.well-known/openid-configuration`;
  const response = await fetch(url, { signal: AbortSignal.timeout(discoverySeconds * 1000) });
  const document: unknown = await response.json();
  const jwksUri = typeof document === "object" && document !== null && "jwks_uri" in document && document.jwks_uri;
  if (typeof jwksUri !== "string") throw new Error(`${url} names no jwks_uri`);
  return createRemoteJWKSet(new URL(jwksUri));
}
