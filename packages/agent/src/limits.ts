import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeLimits } from "@kyanite/contract";
import type { ControlGroupPlace, ControlGroupPlaces } from "@kyanite/runtime";
import { ignoring, joinGroup, makeGroup, removeGroup } from "./group-directory.ts";

/** What the runs of a node may take, all together and each as many parts of it as it takes slots. */
export interface Limits extends NodeLimits {
  readonly slots: number;
}

type Controller = "pids" | "memory" | "cpu";
/** Processes, bytes and cores; what is absent has no limit. */
export type Amounts = Readonly<Partial<Record<Controller, number>>>;

/** What one run may take. A run without slots, such as the start task, may take all that the node has. */
export function limitsOfRun({ slots, processesPerSlot, memoryBytes, cores }: Limits, taken = slots): Amounts {
  const share = Math.min(1, taken / slots);
  return {
    // One more for the shell that waits for the command.
    ...(processesPerSlot !== undefined && { pids: processesPerSlot * Math.max(1, taken) + 1 }),
    ...(memoryBytes !== undefined && { memory: Math.floor(memoryBytes * share) }),
    ...(cores !== undefined && { cpu: cores * share }),
  };
}

/** A run had a process that was killed because all of its processes together took more than they may. */
export interface MemoryKill {
  readonly limitBytes: number;
  readonly peakBytes: number;
}

/** One controller of one group. */
export interface Control {
  /** @param members who is in the group already */
  limit(amounts: Amounts, members: () => readonly number[]): void;
  add(pid: number): void;
  memoryKill(): MemoryKill | undefined;
  /** Whether files in memory, such as in `/dev/shm`, count for this group and would leave the next run less. */
  keepsMemory(): boolean;
  /** The group's directory of this controller, once it is made, and what it counts there. */
  readonly counted: () => { readonly controller: Controller; readonly place: ControlGroupPlace } | undefined;
  remove(): void;
}

/** The controllers of a group. A tree of its own, as each has in version 1, gets the group only when it is to limit. */
export function openControls(name: string, places: ControlGroupPlaces): readonly Control[] {
  const { members, pids, memory, cpu } = places;
  return Object.entries({ pids, memory, cpu }).flatMap(([controller, place]) => {
    if (place === undefined || !isController(controller)) return [];
    const isMade = place.directory === members?.directory;
    return [openControl(controller, { ...place, directory: join(place.directory, name) }, isMade)];
  });
}

const isController = (name: string): name is Controller => name in files;

function openControl(controller: Controller, place: ControlGroupPlace, isShared: boolean): Control {
  const { version, directory } = place;
  let isMade = isShared;
  let present: number | undefined;
  let killsBefore = 0;
  const make = (members: () => readonly number[]) => {
    isMade = makeGroup(directory);
    for (const pid of members()) joinGroup(directory, pid);
  };
  return {
    limit(amounts, members) {
      const amount = amounts[controller];
      if (amount !== undefined && !isMade) make(members);
      if (!isMade) return;
      if (amount !== present) for (const setting of files[controller][version](amount)) write(directory, setting);
      present = amount;
      if (controller !== "memory" || amount === undefined) return;
      killsBefore = killsIn(place);
      if (version === 1) write(directory, ["memory.max_usage_in_bytes", 0]);
    },
    add: (pid) => {
      if (isMade && !isShared) joinGroup(directory, pid);
    },
    memoryKill() {
      if (controller !== "memory" || present === undefined || killsIn(place) <= killsBefore) return undefined;
      return { limitBytes: present, peakBytes: Math.min(present, peakIn(place)) };
    },
    keepsMemory: () => controller === "memory" && present !== undefined && shmemIn(directory) > negligibleBytes,
    counted: () => (isMade ? { controller, place } : undefined),
    remove: () => {
      if (isMade && !isShared) removeGroup(directory);
    },
  };
}

type FileSetting = readonly [name: string, value: number | string];

const periodMicroseconds = 100_000;
const quota = (cores: number) => Math.max(1_000, Math.round(cores * periodMicroseconds));

/** What is written where so that a group has a limit, or has none. Swap is no way around that of memory. */
const files: Readonly<
  Record<Controller, Readonly<Record<1 | 2, (amount: number | undefined) => readonly FileSetting[]>>>
> = {
  pids: {
    1: (amount) => [["pids.max", amount ?? "max"]],
    2: (amount) => [["pids.max", amount ?? "max"]],
  },
  memory: {
    1: (amount = -1) => [
      ["memory.memsw.limit_in_bytes", -1],
      ["memory.limit_in_bytes", amount],
      ["memory.memsw.limit_in_bytes", amount],
    ],
    2: (amount) => [
      ["memory.max", amount ?? "max"],
      ["memory.swap.max", amount === undefined ? "max" : 0],
    ],
  },
  cpu: {
    1: (amount) => [["cpu.cfs_quota_us", amount === undefined ? -1 : quota(amount)]],
    2: (amount) => [["cpu.max", amount === undefined ? "max" : `${quota(amount)} ${periodMicroseconds}`]],
  },
};

const unwritable = ["ENOENT", "EACCES", "EPERM", "EBUSY", "EINVAL", "EOPNOTSUPP"];

/** A machine may not count swap, or not give a group all that it is to have. */
const write = (directory: string, [name, value]: FileSetting) =>
  void ignoring(unwritable, () => writeFileSync(join(directory, name), String(value)));

const read = (directory: string, name: string) =>
  ignoring(["ENOENT", "ENODEV", "EOPNOTSUPP"], () => readFileSync(join(directory, name), "utf8")) ?? "";

/** Whether something in a group was killed for memory since the group was made, and the figures. */
export const memoryKillIn = (place: ControlGroupPlace, limitBytes: number): MemoryKill | undefined =>
  killsIn(place) > 0 ? { limitBytes, peakBytes: Math.min(limitBytes, peakIn(place)) } : undefined;

const killsIn = ({ version, directory }: ControlGroupPlace) =>
  Number(/^oom_kill (\d+)/m.exec(read(directory, version === 1 ? "memory.oom_control" : "memory.events"))?.[1] ?? 0);

const negligibleBytes = 1_000_000;

const shmemIn = (directory: string) => Number(/^shmem (\d+)/m.exec(read(directory, "memory.stat"))?.[1] ?? 0);

const peakIn = ({ version, directory }: ControlGroupPlace) =>
  Number(
    read(directory, version === 1 ? "memory.max_usage_in_bytes" : "memory.peak").trim() || Number.POSITIVE_INFINITY,
  );
