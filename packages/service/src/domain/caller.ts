import type { Account } from "./account.ts";

/** What a credential permits, each role all that the one before it does. */
export const roles = ["reader", "submitter", "operator", "owner"] as const;
export type Role = (typeof roles)[number];

export const isRole = (text: string): text is Role => roles.some((role) => role === text);

/** Who makes a request, on which account. */
export interface Caller {
  readonly account: Account;
  readonly role: Role;
  /** The only job that the credential is for, when it is a task's. */
  readonly jobId?: string;
}

/** A role on one account, or on every account when none is named. */
export interface Grant {
  readonly role: Role;
  readonly accountName?: string;
}

/** The strongest role that the grants give on an account. */
export function roleOn(accountName: string, grants: readonly Grant[]): Role | undefined {
  const given = grants.filter((grant) => grant.accountName === undefined || grant.accountName === accountName);
  return roles.findLast((role) => given.some((grant) => grant.role === role));
}

/** Operations that read although their verb says otherwise. */
const readingOperations: readonly string[] = ["Pool_EvaluateAutoScale"];

/** Work, as opposed to the machines it runs on. */
const workOperation = /^(Job|JobSchedule|Task)_|^File_\w+Task$/;

/** Whether a role permits an operation of the data plane, by the operation's name and verb. */
export function permits(role: Role, name: string, method: string): boolean {
  if (role === "owner" || role === "operator") return true;
  if (method === "GET" || method === "HEAD" || readingOperations.includes(name)) return true;
  return role === "submitter" && workOperation.test(name);
}

/** What only the owner of an account may do: its keys open everything. */
const ownersOperations: readonly string[] = [
  "BatchAccount_Create",
  "BatchAccount_Update",
  "BatchAccount_Delete",
  "BatchAccount_GetKeys",
  "BatchAccount_RegenerateKey",
  "BatchAccount_SynchronizeAutoStorageKeys",
];

/** Whether a role permits an operation of the management plane, by the operation's name and verb. */
export function permitsManagement(role: Role, name: string, method: string): boolean {
  if (role === "owner") return true;
  if (ownersOperations.includes(name)) return false;
  return role === "operator" || method === "GET" || name === "Location_CheckNameAvailability";
}

/**
 * The grants in a token's role claim: `owner`, or `ACCOUNT:owner` for one account. Whatever comes before a last dot is
 * left out, so that `Kyanite.Owner` is an owner; what names no role is none of ours.
 */
export function grantsIn(claim: unknown): Grant[] {
  const values: unknown[] = Array.isArray(claim) ? claim : [claim];
  return values.flatMap((value) => {
    const [, accountName, role = ""] =
      /^(?:([a-z0-9]{3,24}):)?(?:.*\.)?([a-z]+)$/.exec(String(value ?? "").toLowerCase()) ?? [];
    if (!isRole(role)) return [];
    return [{ role, ...(accountName === undefined ? {} : { accountName }) }];
  });
}

/** Whether a credential that is for one job covers a request: an operation on that job, its tasks or their files. */
export function concernsJob(jobId: string, path: string, params: Readonly<Record<string, string>>): boolean {
  return /^\/jobs\/\{jobId\}(\/|$)/.test(path) && params.jobId?.toLowerCase() === jobId.toLowerCase();
}
