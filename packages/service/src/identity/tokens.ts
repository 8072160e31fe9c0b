import { BatchError } from "@kyanite/contract";
import { decodeJwt, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { Bearer } from "../domain/account/caller.ts";
import { type IsOwnOrigin, isFor, type Plane } from "./audiences.ts";

/** Somebody whose tokens are believed. */
export interface TrustedIssuer {
  /** Whether tokens with this `iss` claim are its own. */
  readonly issues: (issuer: string) => boolean;
  readonly keys: JWTVerifyGetKey;
  /** Whom its tokens name, and what they permit. */
  readonly bearerOf: (claims: JWTPayload) => Bearer | Promise<Bearer>;
}

/** Asymmetric ones only: with a shared secret whoever verifies could also sign. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const clockToleranceSeconds = 60;

interface VerifyOptions {
  readonly issuers: readonly TrustedIssuer[];
  readonly isOwnOrigin: IsOwnOrigin;
  readonly now: Date;
}

/**
 * Whom a bearer token names, and what it permits.
 * @throws BatchError `AuthenticationFailed` with the reason, `ServerBusy` when an issuer's keys cannot be had now
 */
export async function verifyToken(
  token: string,
  plane: Plane,
  { issuers, isOwnOrigin, now }: VerifyOptions,
): Promise<Bearer> {
  const issuer = issuers.find(({ issues }) => issues(issuerOf(token)));
  if (!issuer) throw refused("The issuer of the token is not trusted here");
  const claims = await verifiedClaims(token, issuer, now);
  if (!isFor(plane, claims.aud, isOwnOrigin)) throw refused(`The token is not for the ${plane} plane of this service`);
  return issuer.bearerOf(claims);
}

function issuerOf(token: string): string {
  try {
    return decodeJwt(token).iss ?? "";
  } catch {
    throw refused("The token is no JSON Web Token");
  }
}

async function verifiedClaims(token: string, { keys }: TrustedIssuer, now: Date): Promise<JWTPayload> {
  try {
    const options = { algorithms, currentDate: now, clockTolerance: clockToleranceSeconds, requiredClaims: ["exp"] };
    return (await jwtVerify(token, keys, options)).payload;
  } catch (cause) {
    if (cause instanceof errors.JWTExpired) throw refused("The token has expired");
    if (cause instanceof errors.JWTClaimValidationFailed) throw refused(`The token's claim ${cause.claim} is wrong`);
    if (cause instanceof errors.JWKSTimeout || !(cause instanceof errors.JOSEError))
      throw new BatchError("ServerBusy", { Reason: "The keys of the token's issuer cannot be had now" }, { cause });
    throw refused("The signature of the token is not its issuer's");
  }
}

function refused(reason: string): BatchError {
  return new BatchError("AuthenticationFailed", { Reason: reason });
}
