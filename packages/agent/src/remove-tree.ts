import { chmod, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { hasErrorCode } from "@kyanite/runtime";

/** Removes a directory with all that is in it, also when a command took its own rights to it away. */
export async function removeTree(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
  } catch (error) {
    if (!hasErrorCode(error, "EACCES", "EPERM", "ENOTEMPTY")) throw error;
    await openTree(directory);
    await rm(directory, { recursive: true, force: true });
  }
}

async function openTree(directory: string): Promise<void> {
  await chmod(directory, 0o700);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await openTree(join(directory, entry.name));
  }
}
