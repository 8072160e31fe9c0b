import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { hasErrorCode, readTextIfExists } from "./files.ts";

/** A process that can be told from a later one with the same pid, also by another process of ours. */
export interface ProcessRecord {
  readonly pid: number;
  /** When it started, in the operating system's own terms; only good for comparison. */
  readonly startedAt: string;
}

interface ObservedProcess extends ProcessRecord {
  readonly group: number;
  readonly isZombie: boolean;
}

/** What identifies the live process with this pid; undefined when there is none. */
export function processRecord(pid: number): ProcessRecord | undefined {
  const observed = observe(pid);
  return observed && !observed.isZombie ? { pid, startedAt: observed.startedAt } : undefined;
}

/** Whether this very process still runs. A stranger that was given the same pid does not count. */
export function isRunning(record: ProcessRecord): boolean {
  return processRecord(record.pid)?.startedAt === record.startedAt;
}

/** Command line of a process, its arguments joined by spaces; undefined when it is gone. */
export function processCommandLine(pid: number): string | undefined {
  try {
    return process.platform === "linux"
      ? readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim()
      : askPs(pid, "command=");
  } catch {
    return undefined;
  }
}

/** Process records are kept as JSON; a file that holds none, or is not there, gives undefined. */
function parseProcessRecord(text: string | undefined): ProcessRecord | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    if (typeof value !== "object" || value === null || !("pid" in value) || !("startedAt" in value)) return undefined;
    const { pid, startedAt } = value;
    const isRecord = Number.isSafeInteger(pid) && typeof pid === "number" && pid > 1 && typeof startedAt === "string";
    return isRecord ? { pid, startedAt } : undefined;
  } catch {
    return undefined;
  }
}

/** The live process whose record is in `file`, if any. */
export async function readRunningProcess(file: string): Promise<ProcessRecord | undefined> {
  const record = parseProcessRecord(await readTextIfExists(file));
  return record && isRunning(record) ? record : undefined;
}

/** Sends a signal to a process; false when it is gone. */
export function signalProcess(record: ProcessRecord, signal: NodeJS.Signals): boolean {
  return isRunning(record) && sendSignal(record.pid, signal);
}

/**
 * The processes whose environment holds exactly this variable: what is left of a family when its head has died.
 * Linux only; elsewhere none are found.
 */
export function processesWithVariable(name: string, value: string): readonly ProcessRecord[] {
  if (process.platform !== "linux") return [];
  return allPids().flatMap((pid) => {
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      const record = variables.includes(`${name}=${value}`) ? processRecord(pid) : undefined;
      return record ? [record] : [];
    } catch {
      return [];
    }
  });
}

/** Whether a process group has a member that lives. */
export function isGroupRunning(group: number): boolean {
  if (!signalGroup(group, 0)) return false;
  if (process.platform !== "linux") return true;
  // The dead that nobody has collected yet, as in a container without an init, still answer to signals.
  return allPids().some((pid) => {
    const observed = observe(pid);
    return observed?.group === group && !observed.isZombie;
  });
}

/** Sends a signal to every member of a process group; false when there is none. Signal 0 only asks. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  return sendSignal(-group, signal);
}

/**
 * Sends a signal to whoever has this pid now, or to the process group whose number is given as a negative one; false when
 * there is nobody.
 */
export function sendSignal(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch (error) {
    if (hasErrorCode(error, "ESRCH")) return false;
    if (hasErrorCode(error, "EPERM")) return true;
    throw error;
  }
}

const allPids = () =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

function observe(pid: number): ObservedProcess | undefined {
  try {
    return process.platform === "linux" ? observeProc(pid) : observePs(pid);
  } catch {
    return undefined;
  }
}

/** Start times count from the machine's boot, so the boot belongs to the identity. */
function observeProc(pid: number): ObservedProcess {
  const status = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
  const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return { pid, startedAt: `${boot}/${fields[19]}`, group: Number(fields[2]), isZombie: /[ZX]/.test(fields[0] ?? "") };
}

function observePs(pid: number): ObservedProcess {
  const [state = "", group, ...started] = askPs(pid, "state=,pgid=,lstart=").split(/\s+/);
  return { pid, startedAt: started.join(" "), group: Number(group), isZombie: state.startsWith("Z") };
}

function askPs(pid: number, columns: string): string {
  return execFileSync("ps", ["-o", columns, "-p", String(pid)], { encoding: "utf8", env: { LC_ALL: "C" } }).trim();
}
