import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readTextIfExists, writeFileAtomically } from "@kyanite/runtime";

/**
 * Since when a node is up, and what it was given then. Kept on disk: an agent that finds it goes on with the node as it
 * is, and one that does not begins anew.
 */
export interface Boot {
  readonly bootTime: string;
  /** The restart that was carried out last. */
  readonly restartId?: string | undefined;
  /** Names of the accounts that the node has. */
  readonly accounts: readonly string[];
  /** Directories of the machine that stand for its shares. */
  readonly shares?: readonly string[] | undefined;
}

const fileIn = (directory: string) => join(directory, "boot.json");

/** Undefined when the machine was started anew since, or the node ended in order. */
export async function readBoot(directory: string): Promise<Boot | undefined> {
  const text = await readTextIfExists(fileIn(directory));
  if (text === undefined) return undefined;
  const { machine, ...boot }: Boot & { machine: string } = JSON.parse(text);
  return machine === machineBoot() ? boot : undefined;
}

export const saveBoot = (directory: string, boot: Boot): Promise<void> =>
  writeFileAtomically(fileIn(directory), JSON.stringify({ ...boot, machine: machineBoot() }));

export const forgetBoot = (directory: string): Promise<void> => rm(fileIn(directory), { force: true });

function machineBoot(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}
