import { constants } from "node:fs";
import { access, chmod, chown, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { NodeAccount } from "@kyanite/contract";
import { hasErrorCode } from "@kyanite/runtime";
import { runTool } from "./tool.ts";

export interface LinuxUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface WantedUser {
  readonly account: NodeAccount;
  /** Its name on this machine. */
  readonly user: string;
  readonly home: string;
}

/** Makes a Linux user, or changes one that is there, until it is as the account says. */
export async function makeLinuxUser(wanted: WantedUser): Promise<LinuxUser> {
  const { account, user, home } = wanted;
  const existing = await lookUpUser(user);
  const hasRightIds = account.uid === undefined || (existing?.uid === account.uid && existing.gid === account.gid);
  if (existing && !hasRightIds) await removeLinuxUser(user);
  if (!existing || !hasRightIds) await addUser(wanted);
  const added = await lookUpUser(user);
  if (!added) throw new Error(`the user ${user} is not there after it was made`);
  await makeHome(home, added);
  // A star is a password that nobody can give, but unlike an exclamation mark it leaves keys usable.
  await runTool("chpasswd", ["-e"], { input: `${user}:${account.passwordHash ?? "*"}\n` });
  await runTool("usermod", ["-e", account.expiryTime === undefined ? "" : dayAfter(account.expiryTime), user]);
  await setAdmin(user, account.isAdmin);
  await setKeys(account, { ...added, home });
  return added;
}

async function addUser({ account: { uid, gid }, user, home }: WantedUser): Promise<void> {
  await mkdir(dirname(home), { recursive: true });
  await chmod(dirname(home), 0o711);
  const shell = await firstThatExists("/bin/bash", "/bin/sh");
  if (uid === undefined || gid === undefined) {
    await runTool("useradd", ["-U", "-M", "-d", home, "-s", shell, user]);
    return;
  }
  const owner = await lookUpUser(String(uid));
  if (owner && !isOurs(owner.name)) throw new Error(`the uid ${uid} belongs to ${owner.name} of the machine`);
  // Nodes of one pool on one machine have the same ids, so they need not be unique.
  await runTool("groupadd", ["-o", "-g", String(gid), user]);
  await runTool("useradd", ["-o", "-u", String(uid), "-g", user, "-M", "-d", home, "-s", shell, user]);
}

const isOurs = (name: string) => /-[0-9a-f]{6}$/.test(name);

async function makeHome(home: string, { uid, gid }: LinuxUser): Promise<void> {
  await mkdir(home, { recursive: true });
  await chown(home, uid, gid);
  await chmod(home, 0o700);
}

/** Accounts expire by the day; the service takes them away at the minute. */
function dayAfter(instant: string): string {
  return new Date(Date.parse(instant) + 24 * 3600 * 1000).toISOString().slice(0, 10);
}

const sudoersFile = (user: string) => `/etc/sudoers.d/kyanite-${user}`;

async function setAdmin(user: string, isAdmin: boolean): Promise<void> {
  const hasGroup = await runTool("getent", ["group", "sudo"]).then(
    () => true,
    () => false,
  );
  if (hasGroup) await runTool("usermod", ["-G", isAdmin ? "sudo" : "", user]);
  if (!isAdmin) return rm(sudoersFile(user), { force: true });
  try {
    await writeFile(sudoersFile(user), `${user} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
  } catch (error) {
    // Without sudo on the machine there is nobody to allow anything.
    if (!hasErrorCode(error, "ENOENT")) throw error;
  }
}

/**
 * As the user itself: the home directory is its own, and what it may have put there (a link, for one) must lead a
 * writer with more rights nowhere.
 */
async function setKeys(
  { sshPublicKey, sshPrivateKey }: NodeAccount,
  { uid, gid, home }: LinuxUser & { readonly home: string },
): Promise<void> {
  const asUser = { uid, gid, environment: { HOME: home }, directory: home };
  const script = (text: string, input = "") =>
    runTool("/bin/sh", ["-c", `umask 077; mkdir -p .ssh && cd .ssh && ${text}`], { ...asUser, input });
  await script("cat > authorized_keys", sshPublicKey === undefined ? "" : `${sshPublicKey}\n`);
  if (sshPrivateKey === undefined) return;
  await script("cat > id_rsa && ssh-keygen -y -P '' -f id_rsa >> authorized_keys", `${sshPrivateKey.trimEnd()}\n`);
}

/** Removes a Linux user with all that it runs; its home stays. Nothing happens when there is none. */
export async function removeLinuxUser(user: string): Promise<void> {
  const existing = await lookUpUser(user);
  await rm(sudoersFile(user), { force: true });
  if (existing) {
    await runTool("userdel", ["-f", user]);
    if (!(await lookUpUser(String(existing.uid)))) await killAllOf(existing.uid);
  }
  await runTool("groupdel", [user]).catch((error: unknown) => {
    // Most often it went with the user.
    if (!(error instanceof Error && /does not exist/.test(error.message))) throw error;
  });
}

async function killAllOf(uid: number): Promise<void> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    if (Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]) !== uid) continue;
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch (error) {
      if (!hasErrorCode(error, "ESRCH")) throw error;
    }
  }
}

/** By name or by number. */
export async function lookUpUser(name: string): Promise<LinuxUser | undefined> {
  const line = await runTool("getent", ["passwd", "--", name]).catch(() => "");
  const [found, , uid, gid] = line.trim().split(":");
  return found === name || uid === name ? { name: found ?? name, uid: Number(uid), gid: Number(gid) } : undefined;
}

async function firstThatExists(first: string, other: string): Promise<string> {
  return access(first, constants.X_OK).then(
    () => first,
    () => other,
  );
}
