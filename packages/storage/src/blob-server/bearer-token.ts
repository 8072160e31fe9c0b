import { errors, type JWTPayload, jwtVerify } from "jose";
import { isForStorage } from "../token-audience.ts";
import type { StorageRole } from "../trust.ts";
import type { Trusted } from "./trusted.ts";

/** A token that is not believed. The message says why, in the words of the storage service. */
export class TokenRefused extends Error {}

/** With a shared secret whoever verifies could also sign, and a public key must not be taken for one. */
const algorithms = ["RS256"];
const clockToleranceSeconds = 60;

/** The token in an `Authorization` header; undefined when it holds something else. */
export function bearerToken(header: string | undefined): string | undefined {
  const [scheme, token = ""] = (header ?? "").trim().split(/\s+/, 2);
  return scheme?.toLowerCase() === "bearer" ? token : undefined;
}

interface VerifyOptions {
  readonly trusted: Trusted;
  readonly accountName: string;
  readonly now: Date;
}

/**
 * @returns what the token's holder may do here; undefined when that is nothing
 * @throws TokenRefused
 */
export async function roleOfToken(token: string, options: VerifyOptions): Promise<StorageRole | undefined> {
  const { trusted, accountName, now } = options;
  const { iss, aud, sub } = await verifiedClaims(token, trusted, now);
  if (pathOf(iss) !== pathOf(trusted.authority))
    throw new TokenRefused("Issuer validation failed. Issuer did not match.");
  if (!isForStorage(aud, [accountName])) throw new TokenRefused("Audience validation failed. Audience did not match.");
  return trusted.roleOf(sub ?? "");
}

/** An issuer's name begins with the host under which its client reached it, of which there are many. */
const pathOf = (issuer: string | undefined) =>
  issuer !== undefined && URL.canParse(issuer) ? new URL(issuer).pathname : "";

async function verifiedClaims(token: string, { keyOf }: Trusted, now: Date): Promise<JWTPayload> {
  const requiredClaims = ["exp", "nbf", "sub"];
  try {
    const options = { algorithms, currentDate: now, clockTolerance: clockToleranceSeconds, requiredClaims };
    return (await jwtVerify(token, keyOf, options)).payload;
  } catch (cause) {
    throw new TokenRefused(reasonOf(cause), { cause });
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof errors.JWTExpired) return "Lifetime validation failed. The token is expired.";
  if (cause instanceof errors.JWTClaimValidationFailed)
    return `Lifetime validation failed. The claim ${cause.claim} is missing or not valid yet.`;
  return "Signature validation failed. The token is not signed with a key of its issuer.";
}
