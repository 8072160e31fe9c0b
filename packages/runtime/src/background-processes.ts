import { spawn } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "./clock.ts";
import { boundLogFile } from "./log-file.ts";
import { isGroupRunning, isRunning, type ProcessRecord, processRecord, signalGroup } from "./processes.ts";
import { waitUntil } from "./wait.ts";

export interface BackgroundProcess {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment: nothing is inherited, so that no secret of ours goes where it does not belong. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  /** Receives standard output and error. A large log is put aside as `<logFile>.1` first. */
  readonly logFile: string;
  /** Where to write the process's record at once, for `readRunningProcess` after a restart of our own. */
  readonly recordFile?: string;
  /** User and group to run as, when not our own. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/**
 * Starts a process that outlives us, in a process group of its own: Ctrl-C in our terminal does not reach it, and it
 * goes on when we are killed. Throws when the command cannot be executed.
 */
export async function startBackgroundProcess(options: BackgroundProcess): Promise<ProcessRecord> {
  await mkdir(dirname(options.logFile), { recursive: true });
  boundLogFile(options.logFile);
  const log = await open(options.logFile, "a", 0o600);
  try {
    const child = spawn(options.command, options.args, {
      cwd: options.directory,
      env: options.env,
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      ...options.user,
    });
    // Right after the spawn and before anything is awaited: should we be killed now, the process must not be lost.
    const record = recordChild(child.pid, options.recordFile);
    await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    child.unref();
    if (record === undefined) throw new Error(`${options.command} has no process id`);
    return record;
  } finally {
    await log.close();
  }
}

function recordChild(pid: number | undefined, file: string | undefined): ProcessRecord | undefined {
  if (pid === undefined) return undefined;
  const record = processRecord(pid) ?? { pid, startedAt: "already ended" };
  if (file === undefined) return record;
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return record;
}

export interface StopOptions {
  readonly clock: Clock;
  /** How long the group may take to end by itself after SIGTERM. */
  readonly graceMilliseconds: number;
}

const killMilliseconds = 5_000;

/** `ended`: by itself, or it was gone already. `killed`: it had to be. `stuck`: some of the group lives on. */
export type StopOutcome = "ended" | "killed" | "stuck";

/** Ends a process that leads its group, and the rest of the group: SIGTERM, then SIGKILL. */
export async function stopProcessGroup(leader: ProcessRecord, options: StopOptions): Promise<StopOutcome> {
  // Without its leader the number of a group proves nothing: it may be a stranger's by now.
  if (!isRunning(leader)) return "ended";
  const { clock, graceMilliseconds } = options;
  const isGone = () => !isRunning(leader) && !isGroupRunning(leader.pid);
  signalGroup(leader.pid, "SIGTERM");
  if (await waitUntil(isGone, { clock, timeoutMilliseconds: graceMilliseconds })) return "ended";
  signalGroup(leader.pid, "SIGKILL");
  return (await waitUntil(isGone, { clock, timeoutMilliseconds: killMilliseconds })) ? "killed" : "stuck";
}
