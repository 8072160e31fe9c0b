import { type AuthenticationMode, BatchError, type UserIdentity } from "@kyanite/contract";
import { type Account, allowedModes } from "../domain/account/account.ts";
import { type Bearer, type Caller, roleOn } from "../domain/account/caller.ts";
import { type SignedRequest, signingKey, stringsToSign } from "./shared-key.ts";

export interface AuthenticateOptions {
  readonly findAccount: (name: string) => Promise<Account | undefined>;
  /**
   * Whom a bearer token names, and what it permits.
   * @throws BatchError when the token is not valid
   */
  readonly bearerOfToken: (token: string, now: Date) => Promise<Bearer>;
  /** Whose token this is, if it is a running task's: its account, job and id, and as whom it runs. */
  readonly taskOfToken: (
    token: string,
  ) => Promise<{ account: Account; jobId: string; taskId: string; identity?: UserIdentity } | undefined>;
  /** The account that is meant when a token comes without the name of one. */
  readonly defaultAccountName: string;
}

const maxSkewMilliseconds = 15 * 60 * 1000;

/**
 * Finds out who makes a request, and on which account.
 * @param named the account that the URL names, by its host or prefix, if it names one
 * @throws BatchError MissingRequiredHeader, InvalidAuthenticationInfo, AuthenticationFailed
 */
export async function authenticate(
  request: SignedRequest,
  named: string | undefined,
  now: Date,
  options: AuthenticateOptions,
): Promise<Caller> {
  const authorization = request.headers.authorization;
  if (typeof authorization !== "string" || authorization === "")
    throw new BatchError("MissingRequiredHeader", { HeaderName: "Authorization" });
  const [scheme = "", credential = ""] = authorization.split(/ +(.*)/s);
  switch (scheme.toLowerCase()) {
    case "sharedkey":
      return bySharedKey(request, credential, { named, now, ...options });
    case "bearer":
      return byToken(credential, { named, now, ...options });
    default:
      throw new BatchError("InvalidAuthenticationInfo", {
        HeaderName: "Authorization",
        Reason: "The scheme must be SharedKey or Bearer",
      });
  }
}

type BearerOptions = AuthenticateOptions & { readonly named: string | undefined; readonly now: Date };

async function byToken(token: string, options: BearerOptions): Promise<Caller> {
  const task = await options.taskOfToken(token);
  if (task && (options.named ?? task.account.name) === task.account.name) {
    checkMode(task.account, "TaskAuthenticationToken");
    const { taskId, ...holder } = task;
    return { ...holder, role: "submitter", credential: { kind: "task", jobId: task.jobId, taskId } };
  }
  const { principal, grants } = await options.bearerOfToken(token, options.now);
  const name = options.named ?? options.defaultAccountName;
  const role = roleOn(name, grants);
  const account = role && (await options.findAccount(name));
  if (!account || !role) throw failed("The token gives no role on this account");
  checkMode(account, "AAD");
  return { account, role, credential: { kind: "principal", principal } };
}

interface SharedKeyOptions {
  readonly named: string | undefined;
  readonly now: Date;
  readonly findAccount: (name: string) => Promise<Account | undefined>;
}

async function bySharedKey(request: SignedRequest, credential: string, options: SharedKeyOptions): Promise<Caller> {
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
  const index = account ? signingKey(request, name, account.keys, signature) : -1;
  if (!account || index < 0) throw wronglySigned(request, name, signature);
  checkMode(account, "SharedKey");
  return { account, role: "owner", credential: { kind: "key", key: index === 0 ? "Primary" : "Secondary" } };
}

function checkDate({ headers }: SignedRequest, now: Date): void {
  const text = String(headers["ocp-date"] ?? headers.date ?? "");
  if (text === "") throw failed("Give the time of the request in ocp-date or Date");
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw failed("ocp-date or Date is not an HTTP date");
  if (Math.abs(time - now.getTime()) > maxSkewMilliseconds)
    throw failed("The time of the request is more than 15 minutes from the server's");
}

/** @throws BatchError when the account is being deleted, or does not allow this kind of proof */
function checkMode(account: Account, mode: AuthenticationMode): void {
  if (account.state !== "active") throw new BatchError("AccountIsDisabled");
  if (!allowedModes(account).includes(mode)) throw failed(`The account does not allow the authentication mode ${mode}`);
}

function failed(reason: string): BatchError {
  return new BatchError("AuthenticationFailed", { Reason: reason });
}

/** More than any client signs; a longer text is of a request that was made to be long. */
const longestShown = 4_096;

/**
 * Says what was signed here, under the name and in the words of the storage service, so that a client's author sees where
 * the two differ. The same whether the account exists or not; all of it is in the request.
 */
function wronglySigned(request: SignedRequest, account: string, signature: string): BatchError {
  const [text = ""] = stringsToSign(request, account);
  const detail = `The MAC signature found in the HTTP request '${signature}' is not the same as any computed signature. Server used following string to sign: '${text.slice(0, longestShown)}'.`;
  return new BatchError("AuthenticationFailed", {
    Reason: "The signature is not that of the account's key",
    AuthenticationErrorDetail: detail,
  });
}
