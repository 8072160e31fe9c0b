/** What the system's files say that count for processes and control groups. Pure; whatever is not there is undefined. */

export interface CpuSeconds {
  readonly userSeconds: number;
  readonly kernelSeconds: number;
}

export interface InputOutput {
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readOperations: number;
  readonly writeOperations: number;
}

const ticksPerSecond = 100;

/** `cpu.stat` of version 2 counts microseconds, `cpuacct.stat` of version 1 ticks. */
export function groupCpu(text: string): CpuSeconds | undefined {
  const [user, system] = [/^user_usec (\d+)/m.exec(text)?.[1], /^system_usec (\d+)/m.exec(text)?.[1]];
  if (user !== undefined && system !== undefined)
    return { userSeconds: Number(user) / 1e6, kernelSeconds: Number(system) / 1e6 };
  const [, ticks, kernelTicks] = /^user (\d+)\nsystem (\d+)/.exec(text) ?? [];
  if (ticks === undefined) return undefined;
  return { userSeconds: Number(ticks) / ticksPerSecond, kernelSeconds: Number(kernelTicks) / ticksPerSecond };
}

export interface ProcessCpu {
  readonly own: CpuSeconds;
  /** Of children that have ended, and of theirs. */
  readonly ended: CpuSeconds;
}

/** `/proc/PID/stat`. */
export function processCpu(text: string): ProcessCpu | undefined {
  // The second field is the program's name in parentheses, and may itself hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ", 15);
  const [user, system, endedUser, endedSystem] = fields.slice(11).map((ticks) => Number(ticks) / ticksPerSecond);
  if (user === undefined || system === undefined || endedUser === undefined || endedSystem === undefined)
    return undefined;
  return {
    own: { userSeconds: user, kernelSeconds: system },
    ended: { userSeconds: endedUser, kernelSeconds: endedSystem },
  };
}

/** What the shell's `times` says of its children: minutes and seconds, in the second line. */
export function childTimes(text: string): CpuSeconds | undefined {
  const [, ...numbers] = /^\d+m[\d.]+s \d+m[\d.]+s\n(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/m.exec(text) ?? [];
  const [userMinutes, user, kernelMinutes, kernel] = numbers.map(Number);
  if (userMinutes === undefined || user === undefined || kernelMinutes === undefined || kernel === undefined)
    return undefined;
  return { userSeconds: 60 * userMinutes + user, kernelSeconds: 60 * kernelMinutes + kernel };
}

const ioForm = /syscr: (\d+)\nsyscw: (\d+)\nread_bytes: (\d+)\nwrite_bytes: (\d+)/;

/** `/proc/PID/io`: of a process, and of those of its children that have ended. */
export function processIo(text: string): InputOutput | undefined {
  const [, readOperations, writeOperations, readBytes, writeBytes] = ioForm.exec(text) ?? [];
  if (readOperations === undefined) return undefined;
  return {
    readBytes: Number(readBytes),
    writeBytes: Number(writeBytes),
    readOperations: Number(readOperations),
    writeOperations: Number(writeOperations),
  };
}

/** `/proc/PID/status`: what a process has in memory, and the most that it ever had. */
export function processMemory(text: string): { readonly bytes: number; readonly peakBytes: number } | undefined {
  const [, peak] = /^VmHWM:\s+(\d+) kB/m.exec(text) ?? [];
  const [, present] = /^VmRSS:\s+(\d+) kB/m.exec(text) ?? [];
  return peak === undefined || present === undefined
    ? undefined
    : { bytes: 1024 * Number(present), peakBytes: 1024 * Number(peak) };
}
