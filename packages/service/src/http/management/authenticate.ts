import { BatchError, ManagementError } from "@kyanite/contract";
import type { Bearer } from "../../domain/account/caller.ts";
import type { HttpRequest } from "../serve.ts";

export interface AuthenticateOptions {
  /**
   * Whom a bearer token names, and what it permits on the management plane.
   * @throws BatchError when the token is not valid
   */
  readonly bearerOfToken: (token: string, now: Date) => Promise<Bearer>;
}

/** @throws ManagementError AuthenticationFailed: this plane knows bearer tokens only */
export async function authenticateManagement(
  { headers }: HttpRequest,
  now: Date,
  { bearerOfToken }: AuthenticateOptions,
): Promise<Bearer> {
  const token = /^Bearer +(\S+)$/i.exec(String(headers.authorization ?? ""))?.[1];
  if (token === undefined)
    throw new ManagementError("AuthenticationFailed", "The 'Authorization' header must hold a bearer token.");
  try {
    return await bearerOfToken(token, now);
  } catch (cause) {
    if (!(cause instanceof BatchError) || cause.code !== "AuthenticationFailed") throw cause;
    throw new ManagementError("AuthenticationFailed", `${cause.values.Reason ?? "The token is not valid"}.`);
  }
}
