import type { Access, Operation, UserIdentity } from "@kyanite/contract";
import type { Account } from "./account.ts";

/** What a credential permits, each role all that the one before it does. */
export const roles = ["reader", "submitter", "operator", "owner"] as const;
export type Role = (typeof roles)[number];

export const isRole = (text: string): text is Role => roles.some((role) => role === text);

/** Somebody whom an issuer of tokens knows. */
export interface Principal {
  readonly id: string;
  /** What people call it, where the issuer says so. */
  readonly name?: string;
}

/** By what somebody has proved who they are; nothing of it is secret. */
export type Credential =
  | { readonly kind: "key"; readonly key: "Primary" | "Secondary" }
  | { readonly kind: "principal"; readonly principal: Principal }
  | { readonly kind: "task"; readonly jobId: string; readonly taskId: string };

/** Who makes a request, on which account. */
export interface Caller {
  readonly account: Account;
  readonly role: Role;
  readonly credential: Credential;
  /** The only job that the credential is for, when it is a task's. */
  readonly jobId?: string;
  /** As whom that task runs. */
  readonly identity?: UserIdentity;
}

/** A role on one account, or on every account when none is named. */
export interface Grant {
  readonly role: Role;
  readonly accountName?: string;
}

/** Whom a valid token names, and what it permits. */
export interface Bearer {
  readonly principal: Principal;
  readonly grants: readonly Grant[];
}

/** The strongest role that the grants give on an account. */
export function roleOn(accountName: string, grants: readonly Grant[]): Role | undefined {
  const given = grants.filter((grant) => grant.accountName === undefined || grant.accountName === accountName);
  return roles.findLast((role) => given.some((grant) => grant.role === role));
}

/** The strongest role that the grants give on any account. */
export function strongestRole(grants: readonly Grant[]): Role | undefined {
  return roles.findLast((role) => grants.some((grant) => grant.role === role));
}

const strongestAccess: Readonly<Record<Role, Access>> = {
  reader: "read",
  submitter: "submit",
  operator: "operate",
  owner: "own",
};

/** From the weakest to the strongest; each permits what those before it do. */
const accesses: readonly Access[] = ["read", "submit", "operate", "own"];

/** Whether a role permits an operation. */
export function permits(role: Role, { access }: { readonly access: Access }): boolean {
  return accesses.indexOf(access) <= accesses.indexOf(strongestAccess[role]);
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

/**
 * Whether a credential that is for one job covers a request: an operation on that job, its tasks or their files, or one
 * that shows of itself only what is of that job.
 */
export function concernsJob(
  jobId: string,
  { withinJob }: Pick<Operation, "withinJob">,
  params: Readonly<Record<string, string>>,
): boolean {
  return withinJob === "byCaller" || (withinJob === true && params.jobId?.toLowerCase() === jobId.toLowerCase());
}
