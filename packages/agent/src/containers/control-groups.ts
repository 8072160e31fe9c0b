import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ControlGroupPlace } from "@kyanite/runtime";

/** The control groups of a container, in all of the machine's trees; those that others are in last. */
export const controlGroupsOf = (containerId: string): readonly ControlGroupPlace[] =>
  trees().flatMap((tree) => groupsBelow(tree, containerId));

/** Those of them that may count its memory. */
export const memoryGroupsOf = (containerId: string): readonly ControlGroupPlace[] =>
  trees()
    .filter(({ version, controllers }) => version === 2 || controllers.includes("memory"))
    .flatMap((tree) => groupsBelow(tree, containerId));

interface Tree extends ControlGroupPlace {
  readonly controllers: readonly string[];
}

const trees = (): readonly Tree[] =>
  readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .flatMap(([, directory = "", type = "", options = ""]) => {
      if (type !== "cgroup" && type !== "cgroup2") return [];
      return { version: type === "cgroup" ? 1 : 2, directory, controllers: options.split(",") } as const;
    });

function groupsBelow({ version, directory }: ControlGroupPlace, containerId: string): readonly ControlGroupPlace[] {
  const inner = directoriesIn(directory).flatMap((name) =>
    groupsBelow({ version, directory: join(directory, name) }, containerId),
  );
  return directory.includes(containerId) ? [...inner, { version, directory }] : inner;
}

function directoriesIn(directory: string): readonly string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}
