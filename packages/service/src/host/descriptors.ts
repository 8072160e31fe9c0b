import { readTextIfExists } from "@kyanite/runtime";

/** Connections of nodes, clients and the database, with room for the files that are read meanwhile. */
const fewestDescriptors = 512;

/** @throws when this process may open too few files at once, saying what to do */
export async function requireDescriptors(): Promise<void> {
  const limit = descriptorLimit(await readTextIfExists("/proc/self/limits"));
  if (limit >= fewestDescriptors) return;
  throw new Error(
    `this process may have only ${limit} files open at once, and a server needs ${fewestDescriptors}: raise the limit, as with "ulimit -n 4096"`,
  );
}

/** What `/proc/self/limits` says; unlimited where it says nothing. */
export function descriptorLimit(limits: string | undefined): number {
  const limit = /^Max open files +(\d+)/m.exec(limits ?? "")?.[1];
  return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
}
