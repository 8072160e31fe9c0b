import { lchownSync, lstatSync } from "node:fs";
import { stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import type { RunUser } from "@kyanite/contract";
import type { IdRange } from "@kyanite/runtime";
import { type AccountPlaces, type Accounts, linuxAccounts, namedAccounts } from "./accounts.ts";
import { serverFailure, userFailure } from "./failure.ts";
import type { RunPaths } from "./paths.ts";
import { findTool } from "./tool.ts";
import type { Walls } from "./walls/walls.ts";

/** A Linux user as whom a command runs, when that is not the agent's own. */
export interface TaskUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  /** Whether nothing that it runs can become root, as what an account with administrator's rights runs may. */
  readonly isNeverRoot?: true;
  /** Whether one run has it for itself. */
  readonly isOfOneRun?: true;
}

/** The run that a user is wanted for. */
export interface UserOfRun {
  readonly runId: string;
  readonly paths: Pick<RunPaths, "task" | "working">;
}

/** What an agent can do about users. */
export interface Users {
  /** As whom a run runs; undefined is the agent's own user. */
  resolve(user: RunUser, run: UserOfRun): Promise<TaskUser | undefined>;
  /** Takes a user back that a run had for itself, if it had one. */
  release(runId: string): void;
  readonly accounts: Accounts;
  /** Whether it can make accounts on the machine. */
  readonly managesUsers: boolean;
}

interface UsersOptions extends AccountPlaces {
  readonly root: string;
  readonly users: "auto" | "off";
  readonly walls: Walls;
  /** Ids that no other node of the machine has. */
  readonly userIds: IdRange;
}

/**
 * As root every run gets the user that its identity asks for. Otherwise, or when others cannot reach the node's root,
 * everything runs as the agent's own user; that is said once in the log.
 */
export async function openUsers(options: UsersOptions): Promise<Users> {
  const obstacle = options.users === "off" ? "switched off" : await whyNot(options);
  if (obstacle === undefined) return linuxUsers(options);
  options.log.info("every run uses the agent's own user", { user: userInfo().username, because: obstacle });
  const accounts = namedAccounts();
  return {
    resolve: async (user) => (user.kind === "named" ? namedUser(user.name, accounts) : undefined),
    release: () => {},
    accounts,
    managesUsers: false,
  };
}

function linuxUsers(options: UsersOptions): Users {
  const { walls } = options;
  const { first } = options.userIds;
  const accounts = linuxAccounts(options, walls);
  const shared: TaskUser = { uid: first, gid: first, name: "_azbatch", isNeverRoot: true };
  const own = ownUsers(options.userIds);
  return {
    async resolve(user, run) {
      if (user.kind === "named") return namedUser(user.name, accounts);
      if (user.elevationLevel === "admin") return undefined;
      return user.scope === "task" ? own.take(run) : shared;
    },
    release: own.release,
    accounts,
    managesUsers: true,
  };
}

/** Users that one run has for itself. One that was given back is the last to be given away again. */
function ownUsers({ first, last }: IdRange) {
  const free = Array.from({ length: last - first }, (_, index) => first + 1 + index);
  const taken = new Map<string, { readonly uid: number; readonly directory: string }>();
  return {
    take({ runId, paths }: UserOfRun): TaskUser {
      // A retry owns what the task has left.
      const former = free.indexOf(ownerOf(paths.working) ?? 0);
      const [uid] = free.splice(Math.max(former, 0), 1);
      if (uid === undefined) throw serverFailure("CommandLaunchFailed", "All users of the compute node are in use");
      taken.set(runId, { uid, directory: paths.task });
      return { uid, gid: uid, name: `_azbatchtask_${uid - first}`, isNeverRoot: true, isOfOneRun: true };
    },
    release(runId: string): void {
      const given = taken.get(runId);
      if (given === undefined) return;
      taken.delete(runId);
      // Whoever has the id next cannot enter.
      if (ownerOf(given.directory) === given.uid) lchownSync(given.directory, 0, 0);
      free.push(given.uid);
    },
  };
}

function ownerOf(directory: string): number | undefined {
  return lstatSync(directory, { throwIfNoEntry: false })?.uid;
}

async function whyNot({ root, walls }: UsersOptions): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || process.platform !== "linux") return "the agent is not root";
  // Inside walls the way to the root is the node's own.
  const closed = walls.obstacle === undefined ? undefined : await closedAncestor(root);
  if (closed !== undefined) return `other users cannot enter ${closed}`;
  return findTool("useradd") ? undefined : "there is no useradd";
}

async function closedAncestor(directory: string): Promise<string | undefined> {
  for (let at = directory; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return at;
    if (at === dirname(at)) return undefined;
  }
}

async function namedUser(name: string, accounts: Accounts): Promise<TaskUser | undefined> {
  if (accounts.has(name)) return accounts.find(name);
  throw userFailure("CommandLaunchFailed", "The specified user account does not exist on the compute node", {
    Message: `There is no user ${JSON.stringify(name)}`,
  });
}
