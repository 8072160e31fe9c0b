import { BatchError, ManagementError } from "@kyanite/contract";
import type { Grant } from "../../domain/account/caller.ts";
import type { HttpRequest } from "../serve.ts";

export interface AuthenticateOptions {
  /**
   * What a bearer token permits on the management plane.
   * @throws BatchError when the token is not valid
   */
  readonly grantsOfToken: (token: string, now: Date) => Promise<readonly Grant[]>;
}

/** @throws ManagementError AuthenticationFailed: this plane knows bearer tokens only */
export async function authenticateManagement(
  { headers }: HttpRequest,
  now: Date,
  { grantsOfToken }: AuthenticateOptions,
): Promise<readonly Grant[]> {
  const token = /^Bearer +(\S+)$/i.exec(String(headers.authorization ?? ""))?.[1];
  if (token === undefined)
    throw new ManagementError("AuthenticationFailed", "The 'Authorization' header must hold a bearer token.");
  try {
    return await grantsOfToken(token, now);
  } catch (cause) {
    if (!(cause instanceof BatchError) || cause.code !== "AuthenticationFailed") throw cause;
    throw new ManagementError("AuthenticationFailed", `${cause.values.Reason ?? "The token is not valid"}.`);
  }
}
