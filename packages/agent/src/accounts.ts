import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { NodeAccount } from "@kyanite/contract";
import { type Log, readTextIfExists, writeFileAtomically } from "@kyanite/runtime";
import { serverFailure } from "./failure.ts";
import { type LinuxUser, lookUpUser, makeLinuxUser, removeLinuxUser } from "./linux-user.ts";

/** The accounts of a node. Several nodes may be on one machine, so there each account has a name of its own. */
export interface Accounts {
  /** Makes these accounts, changes those that are there, and removes all others. */
  set(wanted: readonly NodeAccount[]): Promise<void>;
  /** The Linux user of an account; undefined when there is no such account. */
  find(name: string): Promise<LinuxUser | undefined>;
  /** Whether the node has such an account, made or only asked for. */
  has(name: string): boolean;
  /** What the machine adds to their names; undefined where no accounts are made. */
  readonly suffix: string | undefined;
  removeAll(): Promise<void>;
}

export interface AccountPlaces {
  /** Where the agent keeps what is its own. */
  readonly directory: string;
  readonly nodeId: string;
  readonly log: Log;
}

const homesIn = (directory: string) => join(directory, "home");
/** Which Linux users this node has made: they outlive its processes, and have to go with it. */
const recordIn = (directory: string) => join(directory, "accounts.json");

/** What tells the accounts of a node from those of others on its machine, such as `-3f09ac`. */
const suffixOf = (nodeId: string) => `-${createHash("sha256").update(nodeId).digest("hex").slice(0, 6)}`;

/** The name of a node's account on its machine, such as `alice-3f09ac`. */
export const linuxName = (nodeId: string, name: string) => name + suffixOf(nodeId);

/** The accounts of an agent that may make them. */
export function linuxAccounts({ directory, nodeId, log }: AccountPlaces): Accounts {
  const names = new Set<string>();
  let last: Promise<void> = Promise.resolve();
  /** One after the other: each starts from what the one before has left. */
  const inTurn = (work: () => Promise<void>) => {
    last = last.then(work, work);
    return last;
  };
  const set = async (wanted: readonly NodeAccount[]) => {
    names.clear();
    for (const { name } of wanted) names.add(name);
    const keep = wanted.map(({ name }) => linuxName(nodeId, name));
    for (const user of await readRecord(directory)) if (!keep.includes(user)) await removeLinuxUser(user);
    // Before they are made: should we be killed now, none must be lost.
    await writeRecord(directory, keep);
    for (const account of wanted) {
      const user = linuxName(nodeId, account.name);
      await makeLinuxUser({ account, user, home: join(homesIn(directory), user) });
      log.info("account made", { name: account.name, user });
    }
  };
  return {
    set: (wanted) => inTurn(() => set(wanted)),
    find: async (name) => (names.has(name) ? lookUpUser(linuxName(nodeId, name)) : undefined),
    has: (name) => names.has(name),
    suffix: suffixOf(nodeId),
    removeAll: () => inTurn(() => removeAccounts(directory)),
  };
}

/** The accounts of an agent that may make none: their names are known, and runs use the agent's own user. */
export function namedAccounts(): Accounts {
  const names = new Set<string>();
  return {
    set: async (wanted) => {
      names.clear();
      for (const { name } of wanted) names.add(name);
    },
    find: async () => undefined,
    has: (name) => names.has(name),
    suffix: undefined,
    removeAll: async () => names.clear(),
  };
}

/** Removes the Linux users that a node has made, with all that they run; also after its agent has been killed. */
export async function removeAccounts(directory: string): Promise<void> {
  for (const user of await readRecord(directory)) await removeLinuxUser(user);
  await rm(homesIn(directory), { recursive: true, force: true });
  await rm(recordIn(directory), { force: true });
}

async function readRecord(directory: string): Promise<readonly string[]> {
  const value: unknown = JSON.parse((await readTextIfExists(recordIn(directory))) ?? "[]");
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

async function writeRecord(directory: string, users: readonly string[]): Promise<void> {
  if (users.length === 0) return rm(recordIn(directory), { force: true });
  return writeFileAtomically(recordIn(directory), JSON.stringify(users));
}

/** What a node shows when its accounts could not be made. */
export function accountFailure(cause: unknown) {
  const details = { Message: cause instanceof Error ? cause.message : String(cause) };
  return serverFailure("UserAccountError", "The accounts of the compute node could not be made", details, cause)
    .failure;
}
