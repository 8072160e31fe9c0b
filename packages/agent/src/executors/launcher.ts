import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { type Clock, exposedToOomKiller, processRecord } from "@kyanite/runtime";
import type { Cgroups } from "../cgroups.ts";
import { isExecutable } from "../tool.ts";
import type { TaskUser } from "../user.ts";
import type { Walls } from "../walls/walls.ts";
import { PipeDirectory } from "./pipes.ts";
import {
  canBeWritten,
  type Launched,
  type LaunchedCommand,
  looksLike,
  patience,
  type ShellRecord,
  shell,
  shellArguments,
  tellToEnd,
  WaitingShell,
} from "./waiting-shell.ts";

/**
 * Shells that wait to start commands. To fork a process as large as ours takes longer than many a task runs; a shell
 * that is small and already there does it in a fraction of that. A shell goes on when its agent is killed, and what it
 * has said waits in its pipe for the next one.
 */
export interface Launchers {
  /**
   * Undefined when a shell cannot start this one: then it must be started in the ordinary way.
   * @param onLaunch called with how another agent finds the command, before it is started
   */
  launch(
    command: LaunchedCommand,
    user: TaskUser | undefined,
    onLaunch?: (record: Omit<ShellRecord, "since">) => void,
  ): Launched | undefined;
  /** Takes over a command that a former agent has started. */
  adopt(runId: string, record: ShellRecord): Launched;
  /** Ends the shells that a former agent has left, but for these. */
  endOthers(names: readonly string[]): void;
  close(): void;
}

interface LauncherOptions {
  /** Where nobody else can put anything. */
  readonly directory: string;
  readonly cgroups: Cgroups;
  readonly walls: Walls;
  readonly clock: Clock;
}

const mostIdle = 8;

export function openLaunchers(options: LauncherOptions): Launchers {
  const { directory, walls } = options;
  const pipes = new PipeDirectory(directory);
  /** By the user, and by what they see: a node that is built anew needs other shells. */
  const idle = new Map<string, WaitingShell[]>();
  const keyOf = (user: TaskUser | undefined) => `${walls.age}/${user?.uid}`;
  let isClosed = false;
  const hasShell = process.platform === "linux" && isExecutable(shell);
  const shelve = (launcher: WaitingShell, key: string, user: TaskUser | undefined) => {
    const shelf = idle.get(key) ?? [];
    const isWanted = !isClosed && !user?.isOfOneRun && key === keyOf(user) && shelf.length < mostIdle;
    if (isWanted && launcher.isUsable && !launcher.keepsMemory) idle.set(key, [...shelf, launcher]);
    else launcher.close();
  };
  return {
    launch(command, user, onLaunch) {
      if (!hasShell || !canBeWritten(command) || walls.startsInside(user)) return undefined;
      const key = keyOf(user);
      const launcher = takeUsable(idle.get(key)) ?? startLauncher(user, pipes, options);
      return launcher?.run(command, { onFree: () => shelve(launcher, key, user), onLaunch });
    },
    adopt(runId, record) {
      const launcher = adoptLauncher(record, pipes, options);
      return launcher.goOn(runId, record);
    },
    endOthers(names) {
      for (const name of pipes.left()) {
        if (names.includes(name)) continue;
        const left = pipes.open(name);
        tellToEnd(left.openForAgent(), left);
      }
    },
    close() {
      isClosed = true;
      for (const launcher of [...idle.values()].flat()) launcher.close();
      idle.clear();
    },
  };
}

function takeUsable(shelf: WaitingShell[] | undefined): WaitingShell | undefined {
  for (let launcher = shelf?.pop(); launcher; launcher = shelf?.pop()) if (launcher.isUsable) return launcher;
  return undefined;
}

/** Undefined when no process can be started. */
function startLauncher(
  user: TaskUser | undefined,
  pipes: PipeDirectory,
  { cgroups, walls }: LauncherOptions,
): WaitingShell | undefined {
  const { program, args, ids } = walls.enter(walls.shell, shellArguments, user);
  const taken = pipes.take();
  const [input, output] = taken.openForShell();
  const child = exposedToOomKiller(() =>
    // In a group of its own, which it shares with one command after the other.
    spawn(program, args, { cwd: "/", env: {}, detached: true, stdio: [input, output, "ignore"], ...ids }),
  );
  for (const end of [input, output]) closeSync(end);
  child.once("error", () => taken.remove());
  const process = child.pid === undefined ? undefined : processRecord(child.pid);
  if (process === undefined) return undefined;
  // So that neither keeps an agent from ending by itself.
  child.unref();
  const cgroup = cgroups.make();
  // Before it is told of any command: all of them will be in its group.
  cgroup?.add(process.pid);
  const launcher = new WaitingShell({
    process,
    pipes: taken,
    cgroup,
    isConfined: cgroup !== undefined && user?.isNeverRoot === true,
    isBeginning: looksLike(walls.shell),
  });
  launcher.loseWhen(child);
  launcher.tell(patience);
  return launcher;
}

/** A shell that a former agent has started. */
function adoptLauncher(record: ShellRecord, pipes: PipeDirectory, { cgroups, walls, clock }: LauncherOptions) {
  const launcher = new WaitingShell({
    process: record.process,
    pipes: pipes.open(record.name),
    cgroup: record.cgroup === undefined ? undefined : cgroups.find(record.cgroup),
    isConfined: record.isConfined,
    isBeginning: looksLike(walls.shell),
  });
  void launcher.loseWhenGone(clock);
  return launcher;
}
