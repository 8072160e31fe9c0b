import { invalidProperty, type NodeAccount, type UserAccount, type UserIdentity } from "@kyanite/contract";
import type { PoolSpec } from "./pool.ts";

const userName = /^[A-Za-z_][A-Za-z0-9_-]*$/;
/** Ids below this belong to accounts and groups of the machine itself, some of which have special rights. */
const leastId = 1000;

/** @throws BatchError for what no account can be called */
export function checkUserName(name: string, property: string): void {
  if (!userName.test(name))
    throw invalidProperty(property, name, "Begins with a letter or _, and has letters, digits, - and _ only");
}

/** @throws BatchError when a run is to have a named account and an automatic one */
export function checkUserIdentity(identity: UserIdentity | undefined, property: string): void {
  if (identity?.username !== undefined && identity.autoUser !== undefined)
    throw invalidProperty(property, identity, "Either username or autoUser");
}

/**
 * Rules for the accounts that a pool has on each of its nodes.
 * @throws BatchError with the property and the rule it breaks
 */
export function checkUserAccounts(accounts: readonly UserAccount[] = []): void {
  for (const [index, { name, linuxUserConfiguration }] of accounts.entries()) {
    const place = `userAccounts[${index}]`;
    checkUserName(name, `${place}.name`);
    if (accounts.findIndex((other) => other.name === name) !== index)
      throw invalidProperty(`${place}.name`, name, "Each account has a name of its own");
    const { uid, gid } = linuxUserConfiguration ?? {};
    const configuration = `${place}.linuxUserConfiguration`;
    if ((uid === undefined) !== (gid === undefined))
      throw invalidProperty(`${configuration}.${uid === undefined ? "uid" : "gid"}`, undefined, "uid goes with gid");
    for (const [id, value] of Object.entries({ uid, gid }))
      if (value === 0) throw invalidProperty(`${configuration}.${id}`, value, "It is that of the administrator");
  }
}

/** A person's account on a node. */
export interface NodeUser {
  readonly name: string;
  readonly isAdmin: boolean;
  readonly passwordHash: string | null;
  readonly sshPublicKey: string | null;
  readonly expiryTime: Date;
}

/** All accounts that a node should have: those of its pool, whose passwords are kept as hashes, and people's. */
export function accountsOf(
  pool: Pick<PoolSpec, "userAccounts" | "enableInterNodeCommunication">,
  users: readonly NodeUser[],
): NodeAccount[] {
  const ofPool = (pool.userAccounts ?? []).map(({ name, password, elevationLevel, linuxUserConfiguration }) => {
    const { uid, gid, sshPrivateKey } = linuxUserConfiguration ?? {};
    return {
      name,
      isAdmin: elevationLevel === "admin",
      passwordHash: password,
      ...idsOf({ uid, gid }),
      ...(sshPrivateKey === undefined || !pool.enableInterNodeCommunication ? {} : { sshPrivateKey }),
    };
  });
  return [...ofPool, ...users.map(accountOf)];
}

/** An id that belongs to the machine itself is not used: the account gets a free one. */
function idsOf({ uid, gid }: { readonly uid: number | undefined; readonly gid: number | undefined }) {
  return uid === undefined || gid === undefined || Math.min(uid, gid) < leastId ? {} : { uid, gid };
}

function accountOf({ name, isAdmin, passwordHash, sshPublicKey, expiryTime }: NodeUser): NodeAccount {
  return {
    name,
    isAdmin,
    ...(passwordHash === null ? {} : { passwordHash }),
    ...(sshPublicKey === null ? {} : { sshPublicKey }),
    expiryTime: expiryTime.toISOString(),
  };
}
