import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import {
  type Clock,
  type ControlGroupPlace,
  type ControlGroupPlaces,
  findControlGroups,
  waitUntil,
} from "@kyanite/runtime";
import { ignoring, joinGroup, makeGroup, membersOf, removeGroup } from "./group-directory.ts";
import { type Amounts, type Control, type Limits, limitsOfRun, type MemoryKill, openControls } from "./limits.ts";
import { machineNamePrefix } from "./paths.ts";
import { type CounterPlaces, GroupCounters } from "./run-use/group-counters.ts";

const clearMilliseconds = 5_000;

/** A control group: whatever a process in it starts is in it too, and cannot leave it without being root. */
export interface Cgroup {
  /** By which another agent finds it. */
  readonly name: string;
  /** Sets what a run of so many slots may take, before it begins; one without slots may take all that the node has. */
  limit(slots: number | undefined): void;
  /** From now on what this process starts is in the group, unless the process is over or the machine forbids it. */
  add(pid: number): void;
  pids(): readonly number[];
  /** Whether the machine has killed a process for memory since the limits were set, and the figures. */
  memoryKill(): MemoryKill | undefined;
  /** Whether what former runs have left in memory would leave the next one less. */
  keepsMemory(): boolean;
  readonly counters: GroupCounters;
  /** Nothing happens while a process is in it. */
  remove(): void;
}

/** Makes control groups for a node where the machine allows it. */
export interface Cgroups {
  make(): Cgroup | undefined;
  /** One that a former agent has made. */
  find(name: string): Cgroup | undefined;
  /** What a run of so many slots may take. */
  limitsOf(slots: number | undefined): Amounts;
  /** What the node's runs may take from now on. */
  setLimits(limits: Limits): void;
  /** Kills whatever is in this node's groups but for these, also what a former agent has left there, and removes them. */
  clear(kept?: readonly string[]): Promise<void>;
}

/** @param root the node's root directory, by which its groups are known after a restart */
export function openCgroups(root: string, clock: Clock, places: ControlGroupPlaces = findControlGroups()): Cgroups {
  const prefix = machineNamePrefix(root);
  const ofThisAgent = `${prefix}${randomUUID().slice(0, 8)}-`;
  let count = 0;
  let limits: Limits = { slots: 1 };
  const open = (name: string) => {
    const { members } = places;
    if (!members) return undefined;
    const place = { ...members, directory: join(members.directory, name) };
    return cgroup(name, place, openControls(name, places), () => limits);
  };
  const parents = [...new Set(Object.values(places).map(({ directory }) => directory))];
  return {
    make() {
      const name = `${ofThisAgent}${++count}`;
      return places.members && makeGroup(join(places.members.directory, name)) ? open(name) : undefined;
    },
    find: open,
    limitsOf: (slots) => limitsOfRun(limits, slots),
    setLimits(given) {
      limits = given;
    },
    async clear(kept = []) {
      // Whoever is killed leaves its group only when its parent has taken note.
      const isClear = () =>
        parents
          .map((parent) => emptied(parent, (name) => name.startsWith(prefix) && !kept.includes(name)))
          .every(Boolean);
      await waitUntil(isClear, { clock, timeoutMilliseconds: clearMilliseconds });
    },
  };
}

/** Kills and removes what it can; answers whether nothing is left. */
function emptied(parent: string, isMeant: (name: string) => boolean): boolean {
  const names = readdirSync(parent).filter(isMeant);
  for (const name of names) {
    for (const pid of membersOf(join(parent, name))) kill(pid);
    removeGroup(join(parent, name));
  }
  return names.length === 0;
}

function cgroup(name: string, place: ControlGroupPlace, controls: readonly Control[], limits: () => Limits): Cgroup {
  const { directory } = place;
  const counters = new GroupCounters(() => counterPlaces(place, controls));
  return {
    name,
    limit(slots) {
      const allowed = limitsOfRun(limits(), slots);
      for (const control of controls) control.limit(allowed, () => membersOf(directory));
    },
    add(pid) {
      joinGroup(directory, pid);
      for (const control of controls) control.add(pid);
    },
    pids: () => membersOf(directory),
    memoryKill: () => controls.map((control) => control.memoryKill()).find(Boolean),
    keepsMemory: () => controls.some((control) => control.keepsMemory()),
    counters,
    remove() {
      counters.close();
      removeGroup(directory);
      for (const control of controls) control.remove();
    },
  };
}

/** Version 2 counts processor time in any group; of version 1 each controller counts where it has a group to limit. */
function counterPlaces(members: ControlGroupPlace, controls: readonly Control[]): CounterPlaces {
  const counted = controls.flatMap((control) => control.counted() ?? []);
  const placeOf = (name: string) => counted.find(({ controller }) => controller === name)?.place;
  const [cpu, memory] = [placeOf("cpu"), placeOf("memory")];
  const formerCpu = cpu && join(cpu.directory, "cpuacct.stat");
  const peakName = memory?.version === 1 ? "memory.max_usage_in_bytes" : "memory.peak";
  return {
    cpu: members.version === 2 ? join(members.directory, "cpu.stat") : formerCpu,
    memoryPeak: memory && join(memory.directory, peakName),
  };
}

function kill(pid: number): void {
  ignoring(["ESRCH", "EPERM"], () => process.kill(pid, "SIGKILL"));
}
