import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = 100;
const pageBytes = 4096;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly cpuSeconds: number;
  /** Of children that have ended. */
  readonly formerCpuSeconds: number;
  readonly residentBytes: number;
}

function readProcess(pid: number): Process | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [parent = 0, pages = 0] = [fields[1], fields[21]];
    const [user = 0, system = 0, formerUser = 0, formerSystem = 0] = fields.slice(11, 15);
    return {
      pid,
      parent,
      cpuSeconds: (user + system) / ticksPerSecond,
      formerCpuSeconds: (formerUser + formerSystem) / ticksPerSecond,
      residentBytes: pages * pageBytes,
    };
  } catch {
    return undefined;
  }
}

/** CPU time so far of a process and, when wanted, of all its children, those that have ended among them. */
export function cpuSeconds(pid: number, withChildren = false): number {
  const own = readProcess(pid);
  if (!own) return 0;
  if (!withChildren) return own.cpuSeconds;
  return childrenOf(pid).reduce((sum, child) => sum + child.cpuSeconds, own.cpuSeconds + own.formerCpuSeconds);
}

export const residentMegabytes = (pid: number) => (readProcess(pid)?.residentBytes ?? 0) / 1024 / 1024;

/** The most memory that a process has had so far. */
export const peakResidentMegabytes = (pid: number) =>
  Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

/**
 * Memory of a process and its children that nobody shares with them, in MB: PostgreSQL's processes have their buffers
 * in common.
 */
export function proportionalMegabytes(pid: number): number {
  return [pid, ...childrenOf(pid).map((child) => child.pid)].reduce((sum, each) => sum + ownMegabytes(each), 0);
}

/** Memory of an agent and of all processes of its nodes, wherever they hang, without what they share. */
export function familyMegabytes(agentPid: number, dataDirectory: string): number {
  const isOfNodes = (pid: string) => {
    try {
      const isShell = /kyanite-(waiting-shell|node)/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));
      return isShell || readFileSync(`/proc/${pid}/environ`, "utf8").includes(`=${dataDirectory}/nodes/`);
    } catch {
      return false;
    }
  };
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && name !== `${agentPid}`);
  return [agentPid, ...pids.filter(isOfNodes).map(Number)].reduce((sum, pid) => sum + ownMegabytes(pid), 0);
}

function ownMegabytes(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

export const parentOf = (pid: number) => readProcess(pid)?.parent ?? 0;

function childrenOf(pid: number): Process[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? [])
    .filter(({ parent }) => parent === pid);
}
