import { lstatSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { hasErrorCode } from "@kyanite/runtime";

/** `path` below `directory`, or undefined when it would leave it. Looks at the text alone. */
export function below(directory: string, path: string): string | undefined {
  if (path.includes("\0") || isAbsolute(path)) return undefined;
  const full = resolve(directory, path);
  return isWithin(directory, full) ? full : undefined;
}

/** Whether `path` is `directory` or lies in it; both absolute and normal. */
export function isWithin(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

/** Whether a path, which need not exist yet, leads out of `directory` through a symbolic link. */
export function leadsOut(directory: string, path: string): boolean {
  return !isWithin(realpathSync.native(directory), realpathOfExisting(path));
}

/** The real path of the longest part that exists, with the rest put behind it. */
function realpathOfExisting(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT") || path === dirname(path)) throw error;
    return join(realpathOfExisting(dirname(path)), relative(dirname(path), path));
  }
}

/**
 * Whether a directory on the way from `directory` to `path`, which exists, is a symbolic link. Costs much less than
 * `leadsOut`, where no link is expected.
 */
export function hasLink(directory: string, path: string): boolean {
  if (path === directory || path === dirname(path)) return false;
  return lstatSync(path).isSymbolicLink() || hasLink(directory, dirname(path));
}

/** The directories of a run, absolute. */
export interface RunPaths {
  readonly root: string;
  readonly task: string;
  readonly working: string;
  readonly certificates: string;
  readonly shared: string | undefined;
  readonly preparation: string | undefined;
}

/** Where a run happens; undefined when the order names a directory outside the root. */
export function runPaths(
  root: string,
  order: { directory: string; sharedDirectory?: string; preparationDirectory?: string },
): RunPaths | undefined {
  const task = below(root, order.directory);
  const shared = order.sharedDirectory === undefined ? undefined : below(root, order.sharedDirectory);
  const preparation = order.preparationDirectory === undefined ? undefined : below(root, order.preparationDirectory);
  const isLost =
    (order.sharedDirectory !== undefined && shared === undefined) ||
    (order.preparationDirectory !== undefined && preparation === undefined);
  if (task === undefined || task === root || isLost) return undefined;
  return { root, task, working: join(task, "wd"), certificates: join(task, "certs"), shared, preparation };
}

export const rootDirectories = ["applications", "fsmounts", "shared", "startup", "volatile", "workitems"] as const;
