import { readdirSync, readFileSync } from "node:fs";
import { type Clock, hasErrorCode, isRunning, type ProcessRecord, sendSignal } from "@kyanite/runtime";
import { runMarker } from "../environment.ts";

/**
 * Everything that a run's command started: its process group, whoever left the group (setsid, a daemon's double fork)
 * but still has the run's marker in its environment, and where there are control groups everybody else as well.
 * Elsewhere than on Linux only the process group is known.
 */
export interface ProcessFamily {
  readonly runId: string;
  readonly group: number;
  /** Leads the group without being of the family, when a shell has started the command and waits for it. */
  readonly shell?: Shell;
  /** No member has a lower process id, unless the machine has begun to give them away again. */
  readonly first: number;
  readonly since: Date;
  /** The members of its control group. */
  readonly members?: (() => readonly number[]) | undefined;
  /** Whether all of the family are in that, since it was there before them and none may leave it. */
  readonly isConfined?: boolean;
}

interface Shell {
  /** To be called when its group is killed, and so it is: it gets no further command. */
  giveUp(): void;
  /** Whether a process will be the command in a moment; until then only SIGKILL does anything to it. */
  isBeginning(pid: number): boolean;
}

/** The living members. Costs a look at each process that may belong to it. */
export function membersOf(family: ProcessFamily, now: Date): readonly number[] {
  if (family.isConfined && family.members) return family.members();
  if (process.platform !== "linux") return sendSignal(-family.group, 0) ? [family.group] : [];
  const mark = `${runMarker}=${family.runId}`;
  const isShell = (pid: number) => family.shell !== undefined && pid === family.group;
  const found = candidates(family, now).filter((pid) => !isShell(pid) && isMember(pid, family.group, mark));
  return family.members ? [...new Set([...found, ...family.members()])] : found;
}

/** Signals every living member; returns how many there were. */
export function signalFamily(family: ProcessFamily, signal: NodeJS.Signals, now: Date): number {
  const members = membersOf(family, now);
  // The group at once first: its members cannot fork away between two signals.
  if (members.length > 0) signalGroup(family, signal);
  for (const pid of members) sendSignal(pid, signal);
  return members.length;
}

/** Whether the command is there, or was: its shell may be about to start it. */
export function hasBegun(family: ProcessFamily, now: Date): boolean {
  const { shell } = family;
  return shell === undefined || membersOf(family, now).some((pid) => !shell.isBeginning(pid));
}

/** Signals a group and the shell that leads it, which only SIGKILL ends. */
export function signalGroup({ group, shell }: ProcessFamily, signal: NodeJS.Signals): void {
  if (signal === "SIGKILL") shell?.giveUp();
  sendSignal(-group, signal);
}

/** So many processes as there are pids are not started in such a time. */
const briefMilliseconds = 3_000;
const fewPids = 300;

/**
 * Pids are given in order, so after a brief run only the few behind the first need a look: a machine with thousands of
 * processes would otherwise slow down the shortest tasks.
 */
function candidates({ first, since }: ProcessFamily, now: Date): readonly number[] {
  const newest = newestPid();
  const isBrief = now.getTime() - since.getTime() < briefMilliseconds;
  if (isBrief && newest >= first && newest - first <= fewPids) {
    return Array.from({ length: newest - first + 1 }, (_, index) => first + index);
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The last that the machine has given away. */
export const newestPid = () => Number(readFileSync("/proc/loadavg", "utf8").trim().split(" ").at(-1));

function isMember(pid: number, group: number, mark: string): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses, and may itself hold anything.
    const [state, , processGroup] = status.slice(status.lastIndexOf(")") + 2).split(" ");
    if (state === "Z" || state === "X") return false;
    if (Number(processGroup) === group) return true;
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(mark);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ESRCH", "EACCES", "EPERM")) return false;
    throw error;
  }
}

/** The exit code of what only SIGKILL can have ended. */
export const killedCode = 137;

const watchMilliseconds = 100;

/** Resolves when a process that is no child of ours is gone. */
export async function whenGone(process: ProcessRecord, clock: Clock): Promise<void> {
  while (isRunning(process)) await clock.sleep(watchMilliseconds);
}
