import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { RunUser } from "@kyanite/contract";
import type { Log } from "@kyanite/runtime";
import { userFailure } from "./failure.ts";

/** A Linux user as whom a command runs, when that is not the agent's own. */
export interface TaskUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** Says as whom a run runs; undefined is the agent's own user. */
export type ResolveUser = (user: RunUser) => Promise<TaskUser | undefined>;

const poolUser = "_azbatch";
const run = promisify(execFile);

/**
 * As root every run gets the Linux user that its identity asks for. Otherwise, or when others cannot reach the node's
 * root, everything runs as the agent's own user; that is said once in the log.
 */
export async function userResolver(root: string, users: "auto" | "off", log: Log): Promise<ResolveUser> {
  const obstacle = users === "off" ? "switched off" : await whyNot(root);
  if (obstacle !== undefined) {
    log.info("every run uses the agent's own user", { user: userInfo().username, because: obstacle });
    return async () => undefined;
  }
  let known: Promise<TaskUser> | undefined;
  return (user) => {
    if (user.kind === "named") return namedUser(user.name);
    if (user.elevationLevel === "admin") return Promise.resolve(undefined);
    known ??= sharedUser().catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
}

async function whyNot(root: string): Promise<string | undefined> {
  if (process.getuid?.() !== 0 || process.platform !== "linux") return "the agent is not root";
  const closed = await closedAncestor(root);
  if (closed !== undefined) return `other users cannot enter ${closed}`;
  const hasUseradd = await run("useradd", ["--help"]).then(
    () => true,
    () => false,
  );
  return hasUseradd ? undefined : "there is no useradd";
}

async function closedAncestor(directory: string): Promise<string | undefined> {
  for (let at = directory; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return at;
    if (at === dirname(at)) return undefined;
  }
}

/** One user for all nodes of this machine; another agent may be creating it at the same moment. */
async function sharedUser(): Promise<TaskUser> {
  const existing = await lookUp(poolUser);
  if (existing) return existing;
  const problem = await run("useradd", ["-r", "-M", "-s", "/usr/sbin/nologin", poolUser]).then(
    () => undefined,
    (error: unknown) => error,
  );
  const created = await lookUp(poolUser);
  if (created) return created;
  throw userFailure("CommandLaunchFailed", `The user ${poolUser} could not be created`, {}, problem);
}

async function namedUser(name: string): Promise<TaskUser> {
  const user = /^[A-Za-z_][\w.-]*$/.test(name) ? await lookUp(name) : undefined;
  if (user) return user;
  throw userFailure("CommandLaunchFailed", "The specified user account does not exist on the compute node", {
    Message: `There is no user ${JSON.stringify(name)}`,
  });
}

async function lookUp(name: string): Promise<TaskUser | undefined> {
  const entry = await run("getent", ["passwd", "--", name]).then(
    ({ stdout }) => stdout.trim().split(":"),
    () => [],
  );
  const [found, , uid, gid] = entry;
  return found === name ? { name, uid: Number(uid), gid: Number(gid) } : undefined;
}
