import { stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import type { RunUser } from "@kyanite/contract";
import { type AccountPlaces, type Accounts, linuxAccounts, namedAccounts } from "./accounts.ts";
import { userFailure } from "./failure.ts";
import { lookUpUser } from "./linux-user.ts";
import { hasTool, runTool } from "./tool.ts";

/** A Linux user as whom a command runs, when that is not the agent's own. */
export interface TaskUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  /** Whether nothing that it runs can become root, as what an account with administrator's rights runs may. */
  readonly isNeverRoot?: true;
}

/** Says as whom a run runs; undefined is the agent's own user. */
export type ResolveUser = (user: RunUser) => Promise<TaskUser | undefined>;

const poolUser = "_azbatch";

/** What an agent can do about users. */
export interface Users {
  readonly resolve: ResolveUser;
  readonly accounts: Accounts;
  /** Whether it can make accounts on the machine. */
  readonly managesUsers: boolean;
}

interface UsersOptions extends AccountPlaces {
  readonly root: string;
  readonly users: "auto" | "off";
}

/**
 * As root every run gets the Linux user that its identity asks for. Otherwise, or when others cannot reach the node's
 * root, everything runs as the agent's own user; that is said once in the log.
 */
export async function openUsers({ root, users, ...places }: UsersOptions): Promise<Users> {
  const obstacle = users === "off" ? "switched off" : await whyNot(root);
  if (obstacle === undefined) {
    const accounts = linuxAccounts(places);
    return { resolve: linuxResolver(accounts), accounts, managesUsers: true };
  }
  places.log.info("every run uses the agent's own user", { user: userInfo().username, because: obstacle });
  const accounts = namedAccounts();
  return {
    resolve: async (user) => (user.kind === "named" ? namedUser(user.name, accounts) : undefined),
    accounts,
    managesUsers: false,
  };
}

function linuxResolver(accounts: Accounts): ResolveUser {
  let known: Promise<TaskUser> | undefined;
  return async (user) => {
    if (user.kind === "named") return namedUser(user.name, accounts);
    if (user.elevationLevel === "admin") return undefined;
    known ??= sharedUser().then(
      (shared) => ({ ...shared, isNeverRoot: true }),
      (error: unknown) => {
        known = undefined;
        throw error;
      },
    );
    return known;
  };
}

async function whyNot(root: string): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || process.platform !== "linux") return "the agent is not root";
  const closed = await closedAncestor(root);
  if (closed !== undefined) return `other users cannot enter ${closed}`;
  return (await hasTool("useradd")) ? undefined : "there is no useradd";
}

async function closedAncestor(directory: string): Promise<string | undefined> {
  for (let at = directory; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return at;
    if (at === dirname(at)) return undefined;
  }
}

/** One user for all nodes of this machine; another agent may be creating it at the same moment. */
async function sharedUser(): Promise<TaskUser> {
  const existing = await lookUpUser(poolUser);
  if (existing) return existing;
  const problem = await runTool("useradd", ["-r", "-M", "-s", "/usr/sbin/nologin", poolUser]).then(
    () => undefined,
    (error: unknown) => error,
  );
  const created = await lookUpUser(poolUser);
  if (created) return created;
  throw userFailure("CommandLaunchFailed", `The user ${poolUser} could not be created`, {}, problem);
}

async function namedUser(name: string, accounts: Accounts): Promise<TaskUser | undefined> {
  if (accounts.has(name)) return accounts.find(name);
  throw userFailure("CommandLaunchFailed", "The specified user account does not exist on the compute node", {
    Message: `There is no user ${JSON.stringify(name)}`,
  });
}
