import { execFile } from "node:child_process";
import { chmod, lchown, mkdir, stat } from "node:fs/promises";
import { parse, relative, resolve, sep } from "node:path";
import { promisify } from "node:util";
import { hasErrorCode } from "@kyanite/runtime";

const run = promisify(execFile);

/** The user that PostgreSQL runs as; it refuses to run as root. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Whether PostgreSQL has to run as a user other than ours. */
export const mustChangeUser = () => process.getuid?.() === 0;

/**
 * As whom PostgreSQL runs: undefined means ourselves. Root gives way to the owner of the files in `home`, if there are
 * any yet, else to `postgres` or `nobody`.
 */
export async function choosePostgresUser(home: string): Promise<SystemUser | undefined> {
  if (!mustChangeUser()) return undefined;
  const user = (await ownerOf(home)) ?? (await findUser("postgres")) ?? (await findUser("nobody"));
  if (user === undefined)
    throw new Error(
      "PostgreSQL refuses to run as root, and there is no user postgres or nobody: run Kyanite as another user, or give it a --database-url",
    );
  return user;
}

async function ownerOf(path: string): Promise<SystemUser | undefined> {
  try {
    const { uid, gid } = await stat(path);
    return uid === 0 ? undefined : { name: `number ${uid}`, uid, gid };
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function findUser(name: string): Promise<SystemUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}

/** Throws, saying what to do, when `user` cannot enter `directory`. */
export async function requireReachable(directory: string, user: SystemUser | undefined): Promise<void> {
  if (user === undefined || (await canEnter(directory, user))) return;
  for (const ancestor of ancestorsOf(directory)) {
    if (await canEnter(ancestor, user)) continue;
    throw new Error(
      `PostgreSQL runs as user ${user.name}, who cannot enter ${ancestor}: run "chmod o+x ${ancestor}", choose another --data-dir, or give a --database-url`,
    );
  }
}

/** From the root of the file system down to the directory itself. */
function ancestorsOf(directory: string): readonly string[] {
  const { root } = parse(directory);
  const names = relative(root, directory).split(sep);
  return names.map((_, index) => resolve(root, ...names.slice(0, index + 1)));
}

/** Trying is the only test that knows access lists, mount options and security modules. */
async function canEnter(directory: string, { uid, gid }: SystemUser): Promise<boolean> {
  try {
    await run("/bin/sh", ["-c", 'cd "$1"', "sh", directory], { uid, gid, cwd: "/" });
    return true;
  } catch {
    return false;
  }
}

/** Makes a directory that only `user` (and root) can look into. */
export async function makePrivateDirectory(path: string, user: SystemUser | undefined): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
  await giveTo(path, user);
}

export async function giveTo(path: string, user: SystemUser | undefined): Promise<void> {
  if (user !== undefined) await lchown(path, user.uid, user.gid);
}
