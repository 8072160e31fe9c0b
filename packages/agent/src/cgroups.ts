import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, hasErrorCode, waitUntil } from "@kyanite/runtime";

const clearMilliseconds = 5_000;

/** A control group: whatever a process in it starts is in it too, and cannot leave it without being root. */
export interface Cgroup {
  /** From now on what this process starts is in the group, unless the process is over or the machine forbids it. */
  add(pid: number): void;
  pids(): readonly number[];
  /** Nothing happens while a process is in it. */
  remove(): void;
}

/** Makes control groups for a node where the machine allows it. */
export interface Cgroups {
  make(): Cgroup | undefined;
  /** Kills whatever is in this node's groups, also what an agent that was killed has left there, and removes them. */
  clear(): Promise<void>;
}

/** @param root the node's root directory, by which its groups are known after a restart */
export function openCgroups(root: string, clock: Clock): Cgroups {
  const parent = process.platform === "linux" ? ownGroup() : undefined;
  const prefix = `kyanite-${createHash("sha256").update(root).digest("hex").slice(0, 12)}-`;
  let count = 0;
  let isAllowed = parent !== undefined;
  return {
    make() {
      if (parent === undefined || !isAllowed) return undefined;
      const name = `${prefix}${process.pid}-${++count}`;
      try {
        mkdirSync(join(parent, name));
      } catch {
        isAllowed = false;
        return undefined;
      }
      return cgroup(join(parent, name));
    },
    async clear() {
      if (parent === undefined) return;
      // Whoever is killed leaves its group only when its parent has taken note.
      await waitUntil(() => emptied(parent, prefix), { clock, timeoutMilliseconds: clearMilliseconds });
    },
  };
}

/** Kills and removes what it can; answers whether nothing is left. */
function emptied(parent: string, prefix: string): boolean {
  const names = readdirSync(parent).filter((each) => each.startsWith(prefix));
  for (const name of names) {
    const group = cgroup(join(parent, name));
    for (const pid of group.pids()) kill(pid);
    group.remove();
  }
  return names.length === 0;
}

function cgroup(directory: string): Cgroup {
  const file = join(directory, "cgroup.procs");
  return {
    add: (pid) =>
      void ignoring(["ESRCH", "EACCES", "EPERM", "EBUSY", "EOPNOTSUPP"], () => writeFileSync(file, String(pid))),
    pids: () =>
      ignoring(["ENOENT", "ENODEV"], () => readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number)) ?? [],
    remove: () => void ignoring(["ENOENT", "EBUSY"], () => rmdirSync(directory)),
  };
}

/** Where this process is in the hierarchy of version 2, as a directory; undefined when that is not mounted. */
function ownGroup(): string | undefined {
  try {
    const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
    const [, mount] = mounts.map((line) => line.split(" ")).find(([, , type]) => type === "cgroup2") ?? [];
    const path = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
    return mount === undefined || path === undefined ? undefined : join(mount, path);
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  ignoring(["ESRCH", "EPERM"], () => process.kill(pid, "SIGKILL"));
}

function ignoring<Result>(codes: readonly string[], act: () => Result): Result | undefined {
  try {
    return act();
  } catch (error) {
    if (!hasErrorCode(error, ...codes)) throw error;
    return undefined;
  }
}
