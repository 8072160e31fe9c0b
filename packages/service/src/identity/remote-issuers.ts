import { withoutSlash } from "@kyanite/runtime";
import { createRemoteJWKSet, type JWTPayload, type JWTVerifyGetKey } from "jose";
import { type Grant, grantsIn, type Principal, type Role } from "../domain/account/caller.ts";
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
    bearerOf: (claims) => {
      const grants: Grant[] = grantsIn(claims[roleClaim]);
      const isRoleless = grants.length === 0 && defaultRole !== undefined;
      return { principal: principalIn(claims), grants: isRoleless ? [{ role: defaultRole }] : grants };
    },
  }));
}

/** Issuers differ in the claims by which they name whom a token is for; `sub` is the only one that all of them have. */
function principalIn(claims: JWTPayload): Principal {
  const first = (names: readonly string[]) =>
    names.map((name) => claims[name]).find((value) => typeof value === "string");
  const name = first(["preferred_username", "upn", "email", "name", "app_displayname"]);
  return { id: first(["oid", "sub", "appid"]) ?? "", ...(name === undefined ? {} : { name }) };
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
