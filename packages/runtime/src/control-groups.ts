import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const controllers = ["pids", "memory", "cpu"] as const;
export type Controller = (typeof controllers)[number];

/** Where groups can be made. A directory of version 2 may serve several purposes at once. */
export interface ControlGroupPlace {
  readonly version: 1 | 2;
  readonly directory: string;
}

/** Where this process may make control groups: such as tell which processes belong together, and such as limit them. */
export interface ControlGroupPlaces extends Readonly<Partial<Record<Controller, ControlGroupPlace>>> {
  readonly members?: ControlGroupPlace;
}

/** What the system says of control groups: `/proc/self/mounts` and `/proc/self/cgroup`. */
interface Described {
  readonly mounts: string;
  readonly own: string;
}

/** Finds by trying where groups can be made; where there are none, as elsewhere than on Linux, nothing is found. */
export function findControlGroups(described = describeSelf()): ControlGroupPlaces {
  const unified = unifiedPlace(described);
  const place = (controller: Controller) =>
    unified?.controllers.includes(controller) ? unified.place : formerPlace(described, controller);
  const places = { pids: place("pids"), memory: place("memory"), cpu: place("cpu") };
  const members = unified?.place ?? places.pids;
  return Object.fromEntries(Object.entries({ ...places, members }).filter(([, found]) => found !== undefined));
}

function describeSelf(): Described {
  const read = (name: string) => {
    try {
      return readFileSync(`/proc/self/${name}`, "utf8");
    } catch {
      return "";
    }
  };
  return { mounts: read("mounts"), own: read("cgroup") };
}

/**
 * Of version 2. No group has both processes and groups that limit theirs, but for the first of all: so ours are in the
 * group that we are in, or else beside it. Where neither may limit anything they can still tell who belongs together.
 */
function unifiedPlace(described: Described): { place: ControlGroupPlace; controllers: readonly string[] } | undefined {
  const own = unifiedDirectory(described);
  if (own === undefined) return undefined;
  const found = [own, dirname(own)].map((directory) => ({ directory, controllers: delegate(directory) }));
  const { directory, controllers } =
    found.find((each) => each.controllers.includes("pids") && isWritable(each.directory)) ??
    ({ directory: own, controllers: [] } as const);
  return isWritable(directory) ? { place: { version: 2, directory }, controllers } : undefined;
}

function unifiedDirectory({ mounts, own }: Described): string | undefined {
  const [, mount] = rowsOf(mounts).find(([, , type]) => type === "cgroup2") ?? [];
  const path = /^0::(.*)$/m.exec(own)?.[1];
  return mount === undefined || path === undefined ? undefined : join(mount, path);
}

/** Of version 1: each controller has a tree of its own. */
function formerPlace({ mounts, own }: Described, controller: Controller): ControlGroupPlace | undefined {
  const isOf = (list = "") => list.split(",").includes(controller);
  const [, mount] = rowsOf(mounts).find(([, , type, options]) => type === "cgroup" && isOf(options)) ?? [];
  const [, , path] =
    own
      .split("\n")
      .map((line) => line.split(":"))
      .find(([, names]) => isOf(names)) ?? [];
  if (mount === undefined || path === undefined) return undefined;
  // In a container the path may be the one that the machine knows, and the mount begins at our own group.
  const directory = [join(mount, path), mount].find(isWritable);
  return directory === undefined ? undefined : { version: 1, directory };
}

const rowsOf = (table: string) => table.split("\n").map((line) => line.split(" "));

/** The controllers that groups in this one have, once those that it has itself have been passed on to them. */
function delegate(directory: string): readonly string[] {
  try {
    const words = (file: string) => readFileSync(join(directory, file), "utf8").trim().split(" ");
    const given = words("cgroup.subtree_control");
    for (const each of words("cgroup.controllers").filter((name) => controllers.some((known) => known === name)))
      if (!given.includes(each)) writeFileSync(join(directory, "cgroup.subtree_control"), `+${each}`);
    return words("cgroup.subtree_control");
  } catch {
    return [];
  }
}

function isWritable(directory: string): boolean {
  const trial = join(directory, `kyanite-trial-${process.pid}`);
  try {
    mkdirSync(trial);
    rmdirSync(trial);
    return true;
  } catch {
    return false;
  }
}

/**
 * Goes into a group of its own below the one that a service manager has given us, when nobody else is in it: only then
 * can the groups beside limit anything. Processes that we start afterwards go along.
 */
export function makeRoomForControlGroups(described = describeSelf()): void {
  const own = unifiedDirectory(described);
  if (own === undefined) return;
  try {
    const isDelegated = readFileSync(join(own, "cgroup.controllers"), "utf8").includes("pids");
    const isAlone = readFileSync(join(own, "cgroup.procs"), "utf8").trim() === String(process.pid);
    if (!isDelegated || !isAlone) return;
    mkdirSync(join(own, "kyanite-server"), { recursive: true });
    writeFileSync(join(own, "kyanite-server", "cgroup.procs"), String(process.pid));
  } catch {
    // Not ours to change: then limits that need it are not to be had, and that is said.
  }
}

/** What a machine's control groups are good for, in a sentence for people. */
export function describeControlGroups(places: ControlGroupPlaces): {
  readonly isComplete: boolean;
  readonly text: string;
} {
  const missing = controllers.filter((controller) => places[controller] === undefined);
  const limits = { pids: "processes", memory: "memory", cpu: "cores" } as const;
  const names = (list: readonly Controller[]) => list.map((each) => limits[each]).join(", ");
  if (missing.length === 0) return { isComplete: true, text: "control groups limit what tasks take" };
  const found = controllers.filter((controller) => places[controller] !== undefined);
  const others = found.length > 0 ? `; they are for ${names(found)}` : "";
  return {
    isComplete: false,
    text: `control groups cannot be written: tasks have no limit of ${names(missing)}${others}`,
  };
}
