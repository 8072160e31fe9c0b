import { randomBytes } from "node:crypto";
import { chmod, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ProcessRecord, readTextIfExists, writeFileAtomically } from "@kyanite/runtime";
import { readLockOwner, takeLock } from "./directory-lock.ts";

/** Everything a server keeps on its machine. Only one server at a time may have it. */
export interface DataDirectory {
  readonly path: string;
  /** Lets another server have it. */
  release(): Promise<void>;
}

export interface OpenOptions {
  /** Whether other users may pass through (not look around), as PostgreSQL and tasks need when we are root. */
  readonly traversable: boolean;
}

export class DataDirectoryInUse extends Error {
  constructor(path: string, pid: number) {
    super(`a Kyanite server (process ${pid}) is using ${path}: stop it or choose another --data-dir`);
  }
}

/** Makes the directory when it is missing and takes it for this process. Throws {@link DataDirectoryInUse}. */
export async function openDataDirectory(path: string, { traversable }: OpenOptions): Promise<DataDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  // A directory that was there keeps the rights its owner gave it: everything secret inside has rights of its own.
  if (traversable) await chmod(path, (await stat(path)).mode | 0o011);
  const lock = await takeLock(lockOf(path));
  if (!("release" in lock)) throw new DataDirectoryInUse(path, lock.pid);
  return { path, release: lock.release };
}

const lockOf = (path: string) => join(path, "lock");

/** The server that has this directory, if one is running. */
export function readDataDirectoryOwner(path: string): Promise<ProcessRecord | undefined> {
  return readLockOwner(lockOf(path));
}

/** A secret that is kept in a file of its own. */
export interface Secret {
  readonly file: string;
  readonly make: () => string;
  /** What it looks like. */
  readonly pattern: RegExp;
  /** What to do when the file holds something else. */
  readonly remedy: string;
}

/**
 * The secret kept in a file, made when there is none yet. Only our own user can read it.
 * @throws when the file holds no such secret, as after a full disk
 */
export async function keepSecret({ file, make, pattern, remedy }: Secret): Promise<string> {
  const kept = (await readTextIfExists(file))?.trim();
  if (kept === "") throw new Error(`${file} is empty: ${remedy}`);
  if (kept !== undefined && !pattern.test(kept)) throw new Error(`${file} is damaged: ${remedy}`);
  if (kept !== undefined) return kept;
  const secret = make();
  await writeFileAtomically(file, `${secret}\n`);
  return secret;
}

/** The key that signs requests to the Batch account: 64 bytes in base64, as Azure's. */
export function keepAccountKey(directory: DataDirectory): Promise<string> {
  return keepSecret({
    file: join(directory.path, "account-key"),
    make: newAccountKey,
    pattern: /^[A-Za-z0-9+/]{20,}={0,2}$/,
    remedy: "delete it. The account keeps the keys that it has; only a new database gets a new one",
  });
}

const newAccountKey = () => randomBytes(64).toString("base64");

/** What whoever watches the server shows to read its metrics. */
export function keepMetricsToken(directory: DataDirectory): Promise<string> {
  return keepSecret({
    file: join(directory.path, "metrics-token"),
    make: () => randomBytes(32).toString("base64url"),
    pattern: /^[\w-]{20,}$/,
    remedy: "delete it. The server makes another at its start",
  });
}
