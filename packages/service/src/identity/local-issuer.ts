import { createHash, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { isForStorage } from "@kyanite/storage";
import { createLocalJWKSet, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import type { Bearer, Grant } from "../domain/account/caller.ts";
import type { Database, Sql } from "../store/database.ts";
import {
  insertServicePrincipal,
  keepIssuerKey,
  readServicePrincipal,
  type ServicePrincipal,
} from "../store/identities.ts";
import { type IsOwnOrigin, isFor, requestedResources } from "./audiences.ts";
import type { TrustedIssuer } from "./tokens.ts";

const algorithm = "RS256";
const tokenSeconds = 3_600;
/** The tenant under which an authority is taken for one of one's own premises, which Azure's clients do not look up. */
export const localTenant = "adfs";

/** An issuer of tokens for development: service principals sign in with an id and a secret. */
export interface LocalIssuer extends TrustedIssuer {
  /** Public keys, as a JSON Web Key Set. */
  readonly jwks: { readonly keys: readonly (JWK & Readonly<Record<string, unknown>>)[] };
  /** @throws TokenRefused */
  issue(request: TokenRequest, now: Date): Promise<IssuedToken>;
}

export interface TokenRequest {
  /** Where the client reached us, with scheme and host; part of the issuer's name. */
  readonly origin: string;
  readonly grantType: string;
  readonly clientId: string;
  readonly secret: string;
  /** Words apart by blanks; one of them may be a resource with `/.default` behind it. */
  readonly scope: string;
  /** Counts where no scope names one. */
  readonly resource: string;
}

export interface IssuedToken {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
}

/** An error of RFC 6749, section 5.2. */
export class TokenRefused extends Error {
  readonly code: "invalid_client" | "invalid_request" | "invalid_scope" | "unsupported_grant_type";

  constructor(code: TokenRefused["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** What is here that tokens can be for, besides what Azure's clients call it everywhere. */
interface LocalResources {
  readonly isOwnOrigin: IsOwnOrigin;
  /** Names of storage accounts. */
  readonly storageAccounts: readonly string[];
}

export async function openLocalIssuer(
  database: Database,
  { now, ...resources }: LocalResources & { readonly now: Date },
): Promise<LocalIssuer> {
  const { kid, privateKey } = await keepIssuerKey(database, await newKey(), now);
  const signingKey = await importJWK(privateKey, algorithm);
  const { kty, n, e } = privateKey;
  const jwks = { keys: [{ kty: String(kty), n: String(n), e: String(e), kid, alg: algorithm, use: "sig" }] };
  return {
    jwks,
    issues: (issuer) => /^https?:\/\/[^/]+\/adfs$/.test(issuer),
    keys: createLocalJWKSet(jwks),
    // Asked anew each time, so that a principal that was removed is out at once.
    bearerOf: async ({ sub = "" }) => bearerOf(sub, await readServicePrincipal(database, sub)),
    issue: async (request, now) => {
      const principal = await signIn(database, request);
      const accessToken = await new SignJWT({ appid: principal.clientId, oid: principal.clientId, tid: localTenant })
        .setProtectedHeader({ alg: algorithm, kid, typ: "JWT" })
        .setIssuer(`${request.origin}/${localTenant}`)
        .setSubject(principal.clientId)
        .setAudience(audienceOf(request, resources))
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(new Date(now.getTime() + tokenSeconds * 1000))
        .setJti(randomUUID())
        .sign(signingKey);
      return { accessToken, expiresInSeconds: tokenSeconds };
    },
  };
}

async function newKey() {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { kid: randomBytes(12).toString("base64url"), privateKey: { ...(await exportJWK(privateKey)) } };
}

const bearerOf = (id: string, principal: ServicePrincipal | undefined): Bearer =>
  principal
    ? { principal: { id, name: principal.name }, grants: [grantOf(principal)] }
    : { principal: { id }, grants: [] };

export const grantOf = ({ role, accountName }: Pick<ServicePrincipal, "role" | "accountName">): Grant => ({
  role,
  ...(accountName === null ? {} : { accountName }),
});

async function signIn(sql: Sql, { grantType, clientId, secret }: TokenRequest): Promise<ServicePrincipal> {
  if (grantType !== "client_credentials")
    throw new TokenRefused("unsupported_grant_type", "Only client_credentials is supported here");
  const principal = await readServicePrincipal(sql, clientId);
  if (!principal || !timingSafeEqual(hashOf(secret), principal.secretHash))
    throw new TokenRefused("invalid_client", "There is no service principal with this id and secret");
  return principal;
}

function audienceOf(request: TokenRequest, { isOwnOrigin, storageAccounts }: LocalResources): string {
  const resources = requestedResources(request);
  const [audience] = resources;
  if (audience === undefined) throw new TokenRefused("invalid_request", "Neither scope nor resource names a resource");
  if (resources.length > 1) throw new TokenRefused("invalid_scope", "The scopes name more than one resource");
  if (isFor("data", audience, isOwnOrigin) || isFor("management", audience, isOwnOrigin)) return audience;
  if (isForStorage(audience, storageAccounts)) return audience;
  throw new TokenRefused("invalid_scope", `There is no resource ${JSON.stringify(audience)} here`);
}

const hashOf = (secret: string) => createHash("sha256").update(secret).digest();

/**
 * Makes a service principal and the secret that only its user will know.
 * @returns undefined when there is one of that name
 */
export async function addServicePrincipal(
  sql: Sql,
  principal: Pick<ServicePrincipal, "name" | "role" | "accountName">,
  now: Date,
): Promise<{ clientId: string; secret: string } | undefined> {
  const secret = randomBytes(32).toString("base64url");
  const clientId = randomUUID();
  const isNew = await insertServicePrincipal(sql, {
    ...principal,
    clientId,
    creationTime: now,
    secretHash: hashOf(secret),
  });
  return isNew ? { clientId, secret } : undefined;
}
