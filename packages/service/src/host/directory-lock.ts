import { randomUUID } from "node:crypto";
import { link, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  hasErrorCode,
  type ProcessRecord,
  processRecord,
  readRunningProcess,
  writeFileAtomically,
} from "@kyanite/runtime";

/**
 * A lock that a killed process does not keep. It is a directory of numbered files, of which the highest counts: who
 * wants a lock whose owner is dead makes the next number, which only one can. Numbers never go back, not even when the
 * lock is released, so that someone who looked long ago cannot take a number that was in use since.
 */
export interface DirectoryLock {
  release(): Promise<void>;
}

const attempts = 20;

/** Takes the lock for this process; answers with the live process that has it, if another does. */
export async function takeLock(directory: string): Promise<DirectoryLock | ProcessRecord> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const draft = join(directory, `draft-${randomUUID()}`);
  await writeFileAtomically(draft, JSON.stringify(processRecord(process.pid)));
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const numbers = await numbersIn(directory);
      const owner = await ownerOf(directory, numbers);
      if (owner !== undefined) return owner;
      const lock = await takeNextNumber(directory, numbers, draft);
      if (lock !== undefined) return lock;
    }
    throw new Error(`${directory}: too many want this lock at once`);
  } finally {
    await rm(draft, { force: true });
  }
}

/** The live process that has the lock, if one does. */
export async function readLockOwner(directory: string): Promise<ProcessRecord | undefined> {
  return ownerOf(directory, await numbersIn(directory));
}

async function ownerOf(directory: string, numbers: readonly number[]): Promise<ProcessRecord | undefined> {
  const newest = numbers.at(-1);
  return newest === undefined ? undefined : readRunningProcess(join(directory, String(newest)));
}

async function takeNextNumber(
  directory: string,
  before: readonly number[],
  draft: string,
): Promise<DirectoryLock | undefined> {
  const number = (before.at(-1) ?? 0) + 1;
  const file = join(directory, String(number));
  if (!(await linked(draft, file))) return undefined;
  const isNewest = (await numbersIn(directory)).at(-1) === number;
  const useless = isNewest ? before : [number];
  await Promise.all(useless.map((old) => rm(join(directory, String(old)), { force: true })));
  return isNewest ? { release: () => writeFileAtomically(file, "released\n") } : undefined;
}

/** A link comes into being together with its content, and never replaces another. */
async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (hasErrorCode(error, "EEXIST")) return false;
    throw error;
  }
}

async function numbersIn(directory: string): Promise<readonly number[]> {
  try {
    const names = await readdir(directory);
    const numbers = names.filter((name) => /^\d+$/.test(name)).map(Number);
    return numbers.sort((a, b) => a - b);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return [];
    throw error;
  }
}
