import { spawn } from "node:child_process";
import { closeSync, constants, fchownSync, openSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { type Clock, hasErrorCode, type ProcessRecord, processRecord, waitUntil } from "@kyanite/runtime";
import type { Cgroups } from "./cgroups.ts";
import type { Launchers } from "./launcher.ts";
import { hasBegun, membersOf, type ProcessFamily, signalFamily, signalGroup } from "./process-family.ts";
import type { TaskUser } from "./user.ts";

export interface Command {
  readonly runId: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly user: TaskUser | undefined;
  /** Shells that start it, when they can. */
  readonly launchers: Launchers | undefined;
  readonly cgroups: Cgroups;
  /** Called when the process exists, before anything is awaited, unless its control group is enough to find it again. */
  onLaunch(leader: ProcessRecord): void;
}

export interface StartedCommand {
  readonly family: ProcessFamily;
  /** The exit code, or 128 + n when signal n ended the process. */
  readonly exit: Promise<number>;
  /** To be called when the command and all that it started are over. */
  release(): void;
}

/**
 * Starts a command in a process group of its own; its output goes straight to the files, which are emptied first.
 * Rejects with the system's error when the program cannot be executed.
 */
export async function startCommand(command: Command, clock: Clock): Promise<StartedCommand> {
  using stdout = openOutput(command.stdout, command.user);
  using stderr = openOutput(command.stderr, command.user);
  for (let tries = 1; ; tries += 1) {
    try {
      return launchInShell(command, clock.now()) ?? (await launch(command, [stdout.fd, stderr.fd], clock.now()));
    } catch (error) {
      // Another run of ours may be between fork and exec, and hold the program open that was just downloaded.
      if (!hasErrorCode(error, "ETXTBSY") || tries === 20) throw error;
    }
    await clock.sleep(10 * tries);
  }
}

/** The last run's command could have put a link there: it is not followed. */
function openOutput(path: string, user: TaskUser | undefined) {
  const { O_CREAT, O_TRUNC, O_WRONLY, O_APPEND, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_NOFOLLOW, 0o660);
  if (user) fchownSync(fd, user.uid, user.gid);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

function launchInShell(command: Command, now: Date): StartedCommand | undefined {
  const launched = command.launchers?.launch(command, command.user);
  if (launched === undefined) return undefined;
  const { exit, release } = launched;
  const family = { ...launched.family, runId: command.runId, since: now };
  if (!family.isConfined) command.onLaunch(recordOf(family.group));
  return { family, exit, release };
}

const recordOf = (pid: number): ProcessRecord => processRecord(pid) ?? { pid, startedAt: "already ended" };

async function launch(command: Command, [stdout, stderr]: [number, number], now: Date): Promise<StartedCommand> {
  const child = spawn(command.program, command.args, {
    cwd: command.directory,
    env: command.environment,
    detached: true,
    stdio: ["ignore", stdout, stderr],
    ...(command.user && { uid: command.user.uid, gid: command.user.gid }),
  });
  const exit = new Promise<number>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal ? osConstants.signals[signal] : 0))),
  );
  const { pid } = child;
  const cgroup = pid === undefined ? undefined : command.cgroups.make();
  // What it has started by now is found by its process group and its marker only.
  if (pid !== undefined) cgroup?.add(pid);
  const record = pid === undefined ? undefined : recordOf(pid);
  if (record) command.onLaunch(record);
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  if (record === undefined) throw new Error(`${command.program} has no process id`);
  const members = cgroup && (() => cgroup.pids());
  const family = { runId: command.runId, group: record.pid, first: record.pid, since: now, members };
  return { family, exit, release: () => cgroup?.remove() };
}

export interface StopOptions {
  readonly clock: Clock;
  readonly graceMilliseconds: number;
}

/** Ends a command and all that it has started: SIGTERM, a grace, SIGKILL. */
export async function stopCommand(
  { family, exit }: StartedCommand,
  { clock, graceMilliseconds }: StopOptions,
): Promise<void> {
  let hasExited = false;
  void exit.then(() => {
    hasExited = true;
  });
  const grace = { clock, timeoutMilliseconds: graceMilliseconds };
  const isTold = () => {
    const isThere = hasBegun(family, clock.now());
    return hasExited || (signalFamily(family, "SIGTERM", clock.now()) > 0 && isThere);
  };
  const isGone = () => hasExited && membersOf(family, clock.now()).length === 0;
  if ((await waitUntil(isTold, grace)) && (await waitUntil(isGone, grace))) return;
  if (family.shell && !hasExited) signalGroup(family, "SIGKILL");
  await killFamily(family, clock);
  await exit;
}

const killMilliseconds = 5_000;

/** Kills what is left of a family. A process may fork while we look, so we look until nobody is left. */
export async function killFamily(family: ProcessFamily, clock: Clock): Promise<boolean> {
  const isGone = () => signalFamily(family, "SIGKILL", clock.now()) === 0;
  return waitUntil(isGone, { clock, timeoutMilliseconds: killMilliseconds });
}
