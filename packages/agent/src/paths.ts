import { createHash } from "node:crypto";
import { isAbsolute, join, relative, resolve, sep } from "node:path";

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

/** The names on the way from `directory` to a path in it; both absolute and normal. */
export const namesBetween = (directory: string, path: string): readonly string[] =>
  relative(directory, path).split(sep).filter(Boolean);

/** The names on the way of a relative path; undefined when it leaves where it begins. */
export function namesBelow(path: string): readonly string[] | undefined {
  const anywhere = join(sep, "anywhere");
  const full = below(anywhere, path);
  return full === undefined ? undefined : namesBetween(anywhere, full);
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

/** What the names begin with by which the machine knows things of a node, after a restart of the agent too. */
export const machineNamePrefix = (root: string): string =>
  `kyanite-${createHash("sha256").update(root).digest("hex").slice(0, 12)}-`;

export const rootDirectories = ["applications", "fsmounts", "shared", "startup", "volatile", "workitems"] as const;
