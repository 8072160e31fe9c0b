import { randomBytes, randomUUID } from "node:crypto";
import { chmod, link, mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  hasErrorCode,
  type ProcessRecord,
  processRecord,
  readRunningProcess,
  readTextIfExists,
  writeFileAtomically,
} from "@kyanite/runtime";

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
  constructor(path: string, pid: number | undefined) {
    super(
      `a Kyanite server${pid === undefined ? "" : ` (process ${pid})`} is using ${path}: stop it or choose another --data-dir`,
    );
  }
}

/** Makes the directory when it is missing and takes it for this process. Throws {@link DataDirectoryInUse}. */
export async function openDataDirectory(path: string, { traversable }: OpenOptions): Promise<DataDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  // A directory that was there keeps the rights its owner gave it: everything secret inside has rights of its own.
  if (traversable) await chmod(path, (await stat(path)).mode | 0o011);
  const lockFile = lockOf(path);
  const content = JSON.stringify(processRecord(process.pid));
  await takeLock(path, lockFile, content);
  return {
    path,
    release: async () => {
      if ((await readTextIfExists(lockFile)) === content) await rm(lockFile, { force: true });
    },
  };
}

const lockOf = (path: string) => join(path, "lock");

/** The server that has this directory, if one is running. */
export function readDataDirectoryOwner(path: string): Promise<ProcessRecord | undefined> {
  return readRunningProcess(lockOf(path));
}

async function takeLock(path: string, lockFile: string, content: string): Promise<void> {
  const draft = `${lockFile}.${randomUUID()}`;
  await writeFileAtomically(draft, content);
  try {
    // A link comes into being with its content, and never replaces another.
    for (let attempt = 0; attempt < 5; attempt++) {
      if (await linked(draft, lockFile)) return;
      await removeStaleLock(path, lockFile);
    }
    throw new DataDirectoryInUse(path, undefined);
  } finally {
    await rm(draft, { force: true });
  }
}

async function linked(draft: string, lockFile: string): Promise<boolean> {
  try {
    await link(draft, lockFile);
    return true;
  } catch (error) {
    if (hasErrorCode(error, "EEXIST")) return false;
    throw error;
  }
}

/**
 * Moves the lock of a dead server out of the way. Someone else may have done so and locked since we looked: then what
 * we moved is a live lock, and goes back.
 */
async function removeStaleLock(path: string, lockFile: string): Promise<void> {
  await refuseIfLocked(path, lockFile);
  const aside = `${lockFile}.${randomUUID()}`;
  try {
    await rename(lockFile, aside);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return;
    throw error;
  }
  if ((await readRunningProcess(aside)) !== undefined) await linked(aside, lockFile);
  await rm(aside, { force: true });
}

async function refuseIfLocked(path: string, lockFile: string): Promise<void> {
  const owner = await readRunningProcess(lockFile);
  if (owner !== undefined) throw new DataDirectoryInUse(path, owner.pid);
}

/** The secret kept in `file`, made by `make` when there is none yet. Only our own user can read it. */
export async function keepSecret(file: string, make: () => string): Promise<string> {
  const kept = (await readTextIfExists(file))?.trim();
  if (kept) return kept;
  const secret = make();
  await writeFileAtomically(file, `${secret}\n`);
  return secret;
}

/** The key that signs requests to the Batch account: 64 bytes in base64, as Azure's. */
export function keepAccountKey(directory: DataDirectory): Promise<string> {
  return keepSecret(join(directory.path, "account-key"), newAccountKey);
}

export const newAccountKey = () => randomBytes(64).toString("base64");
