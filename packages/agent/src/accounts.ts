import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { NodeAccount } from "@kyanite/contract";
import { Directory, type Log, readTextIfExists, removeTree, writeFileAtomically } from "@kyanite/runtime";
import { serverFailure } from "./failure.ts";
import { type LinuxUser, lookUpUser, makeLinuxUser, removeLinuxUser } from "./linux-user.ts";
import { letUseSudo } from "./walls/sudo.ts";
import { tellNode } from "./walls/user-files.ts";
import type { Walls } from "./walls/walls.ts";

/** The accounts of a node. Several nodes may be on one machine, so there each account has a name of its own. */
export interface Accounts {
  /** Makes these accounts, changes those that are there, and removes all others. */
  set(wanted: readonly NodeAccount[]): Promise<void>;
  /** The Linux user of an account; undefined when there is no such account. */
  find(name: string): Promise<LinuxUser | undefined>;
  /** Whether the node has such an account, made or only asked for. */
  has(name: string): boolean;
  /** These accounts are there already: a former agent has set them. */
  recall(names: readonly string[]): void;
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

const homes = "home";
const homesIn = (directory: string) => join(directory, homes);
/** Which Linux users this node has made: they outlive its processes, and have to go with it. */
const recordIn = (directory: string) => join(directory, "accounts.json");

/** What tells the accounts of a node from those of others on its machine, such as `-3f09ac`. */
const suffixOf = (nodeId: string) => `-${createHash("sha256").update(nodeId).digest("hex").slice(0, 6)}`;

/** The name of a node's account on its machine, such as `alice-3f09ac`. */
export const linuxName = (nodeId: string, name: string) => name + suffixOf(nodeId);

/** The accounts of an agent that may make them. */
export function linuxAccounts({ directory, nodeId, log }: AccountPlaces, walls: Walls): Accounts {
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
    const former = await readRecord(directory);
    for (const user of former) if (!keep.includes(user)) await removeLinuxUser(user);
    // Before they are made: should we be killed now, none must be lost.
    await writeRecord(directory, keep);
    const administrators: LinuxUser[] = [];
    for (const account of wanted) {
      const user = linuxName(nodeId, account.name);
      const made = await makeLinuxUser({ account, user, home: join(homesIn(directory), user) });
      if (account.isAdmin) administrators.push(made);
      log.info("account made", { name: account.name, user });
    }
    await tellNode(walls, suffixOf(nodeId));
    if (former.length + keep.length > 0) await letUseSudo(walls, administrators);
  };
  return {
    set: (wanted) => inTurn(() => set(wanted)),
    find: async (name) => (names.has(name) ? lookUpUser(linuxName(nodeId, name)) : undefined),
    has: (name) => names.has(name),
    recall: (former) => {
      for (const name of former) names.add(name);
    },
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
    recall: (former) => {
      for (const name of former) names.add(name);
    },
    suffix: undefined,
    removeAll: async () => names.clear(),
  };
}

/** Removes the Linux users that a node has made, with all that they run; also after its agent has been killed. */
export async function removeAccounts(directory: string): Promise<void> {
  for (const user of await readRecord(directory)) await removeLinuxUser(user);
  // What is in the homes belongs to their owners, who may have processes yet.
  using own = Directory.open(directory);
  await removeTree(own, homes);
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
