import { BatchError } from "@kyanite/contract";
import type { Account } from "../domain/account.ts";
import { isSignedWith, type SignedRequest } from "./shared-key.ts";

export interface AuthenticateOptions {
  readonly findAccount: (name: string) => Promise<Account | undefined>;
  /** Checks a bearer token; without it no token is accepted. */
  readonly findAccountOfToken?: (token: string, accountName: string | undefined) => Promise<Account | undefined>;
}

const maxSkewMilliseconds = 15 * 60 * 1000;

/**
 * Finds the account that a request is made with.
 * @param named the account that the URL names, by its host or prefix, if it names one
 * @throws BatchError MissingRequiredHeader, InvalidAuthenticationInfo, AuthenticationFailed
 */
export async function authenticate(
  request: SignedRequest,
  named: string | undefined,
  now: Date,
  options: AuthenticateOptions,
): Promise<Account> {
  const authorization = request.headers.authorization;
  if (typeof authorization !== "string" || authorization === "")
    throw new BatchError("MissingRequiredHeader", { HeaderName: "Authorization" });
  const [scheme = "", credential = ""] = authorization.split(/ +(.*)/s);
  switch (scheme.toLowerCase()) {
    case "sharedkey":
      return bySharedKey(request, credential, { named, now, findAccount: options.findAccount });
    case "bearer":
      return byToken(credential, named, options);
    default:
      throw new BatchError("InvalidAuthenticationInfo", {
        HeaderName: "Authorization",
        Reason: "The scheme must be SharedKey or Bearer",
      });
  }
}

async function byToken(
  token: string,
  named: string | undefined,
  { findAccountOfToken }: AuthenticateOptions,
): Promise<Account> {
  const account = await findAccountOfToken?.(token, named);
  if (!account) throw failed("The token is not valid here");
  return account;
}

interface SharedKeyOptions {
  readonly named: string | undefined;
  readonly now: Date;
  readonly findAccount: (name: string) => Promise<Account | undefined>;
}

async function bySharedKey(request: SignedRequest, credential: string, options: SharedKeyOptions): Promise<Account> {
  const match = /^([^:]+):([A-Za-z0-9+/]+={0,2})$/.exec(credential);
  if (!match)
    throw new BatchError("InvalidAuthenticationInfo", {
      HeaderName: "Authorization",
      Reason: "Expected SharedKey <account>:<signature>",
    });
  const [, name = "", signature = ""] = match;
  checkDate(request, options.now);
  if (options.named !== undefined && options.named !== name.toLowerCase())
    throw failed("The URL names another account than the credential");
  const account = await options.findAccount(name.toLowerCase());
  const isRight = account?.keys.some((key) => isSignedWith(request, name, key, signature));
  if (!account || !isRight) throw failed("The signature is not that of the account's key");
  return account;
}

function checkDate({ headers }: SignedRequest, now: Date): void {
  const text = String(headers["ocp-date"] ?? headers.date ?? "");
  if (text === "") throw failed("Give the time of the request in ocp-date or Date");
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw failed("ocp-date or Date is not an HTTP date");
  if (Math.abs(time - now.getTime()) > maxSkewMilliseconds)
    throw failed("The time of the request is more than 15 minutes from the server's");
}

function failed(reason: string): BatchError {
  return new BatchError("AuthenticationFailed", { Reason: reason });
}
