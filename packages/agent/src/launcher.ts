import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { processCommandLine } from "@kyanite/runtime";
import type { Cgroup, Cgroups } from "./cgroups.ts";
import { newestPid, type ProcessFamily } from "./process-family.ts";
import { isExecutable } from "./tool.ts";
import type { TaskUser } from "./user.ts";

/** What a shell is told to run. */
export interface LaunchedCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Files that are there; the output goes to their ends. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Launched {
  readonly family: Omit<ProcessFamily, "runId" | "since">;
  /** The exit code, or 128 + n when signal n ended the process. */
  readonly exit: Promise<number>;
  /** To be called when the command and what it started are over: from then on the shell may start another. */
  release(): void;
}

/**
 * Shells that wait to start commands. To fork a process as large as ours takes longer than many a task runs; a shell
 * that is small and already there does it in a fraction of that.
 */
export interface Launchers {
  /** Undefined when a shell cannot start this one: then it must be started in the ordinary way. */
  launch(command: LaunchedCommand, user: TaskUser | undefined): Launched | undefined;
  close(): void;
}

/**
 * The smallest there is, and it starts a command without a copy of itself, by vfork. It can make no process groups, so
 * a command is in that of its shell.
 */
const shell = "/bin/dash";

/** The last of them is for people who list processes, and for us to tell a shell from a command. */
const shellArguments = ["-s", "kyanite-waiting-shell"];

/** A command may signal its group, and the shell has to tell afterwards how it ended. Commands do not inherit this. */
const patience = "trap : HUP INT QUIT USR1 USR2 PIPE ALRM TERM\n";
const mostIdle = 8;

export function openLaunchers(cgroups: Cgroups): Launchers {
  const idle = new Map<number | undefined, Launcher[]>();
  const hasShell = process.platform === "linux" && isExecutable(shell);
  const shelve = (launcher: Launcher, uid: number | undefined) => {
    const shelf = idle.get(uid) ?? [];
    if (launcher.isUsable && shelf.length < mostIdle) idle.set(uid, [...shelf, launcher]);
    else launcher.close();
  };
  return {
    launch(command, user) {
      if (!hasShell || !canBeWritten(command)) return undefined;
      const launcher = takeUsable(idle.get(user?.uid)) ?? startLauncher(user, cgroups);
      return launcher?.run(command, () => shelve(launcher, user?.uid));
    },
    close() {
      for (const launcher of [...idle.values()].flat()) launcher.close();
      idle.clear();
    },
  };
}

function takeUsable(shelf: Launcher[] | undefined): Launcher | undefined {
  for (let launcher = shelf?.pop(); launcher; launcher = shelf?.pop()) if (launcher.isUsable) return launcher;
  return undefined;
}

/**
 * A shell has no way to set variables whose names it does not take for names, nor that of which it wants a number, nor
 * to say that the system refuses to start a program with so long a text.
 */
const canBeWritten = ({ args, environment }: LaunchedCommand) =>
  Object.keys(environment).every((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name !== "OPTIND") &&
  [...args, ...Object.values(environment)].every((text) => text.length < longestText);

/** Linux takes 128 KiB with the variable's name; a character has three bytes at most. */
const longestText = 40_000;

/** Undefined when no process can be started. */
function startLauncher(user: TaskUser | undefined, cgroups: Cgroups): Launcher | undefined {
  const child = spawn(shell, shellArguments, {
    cwd: "/",
    env: {},
    // In a group of its own, which it shares with one command after the other.
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  child.once("error", () => {});
  if (child.pid === undefined) return undefined;
  const cgroup = cgroups.make();
  // Before it is told of any command: all of them will be in its group.
  cgroup?.add(child.pid);
  return new Launcher(child, child.pid, { cgroup, isNeverRoot: user?.isNeverRoot === true });
}

interface Confinement {
  readonly cgroup: Cgroup | undefined;
  /** Nothing else can leave the control group. */
  readonly isNeverRoot: boolean;
}

const shellCommand = [shell, ...shellArguments].join(" ");

/** Until it becomes the command, a process that a shell has made looks like the shell. */
const isBeginning = (pid: number) => processCommandLine(pid) === shellCommand;

const killedCode = 137;

/** One shell, for one command at a time. */
class Launcher {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #family: Omit<ProcessFamily, "runId" | "since" | "first">;
  readonly #cgroup: Cgroup | undefined;
  #unread = "";
  #onExit: ((code: number) => void) | undefined;
  #isGivenUp = false;

  constructor(child: ChildProcessByStdio<Writable, Readable, null>, pid: number, { cgroup, isNeverRoot }: Confinement) {
    this.#process = child;
    this.#cgroup = cgroup;
    const giveUp = () => {
      this.#isGivenUp = true;
    };
    this.#family = {
      group: pid,
      shell: { giveUp, isBeginning },
      members: cgroup && (() => cgroup.pids().filter((each) => each !== pid)),
      isConfined: cgroup !== undefined && isNeverRoot,
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    child.stdin.on("error", () => {});
    child.stdin.write(patience);
    child.once("exit", () => this.#lose());
  }

  /** Whether it can take a command. One that left something running did not survive that being killed. */
  get isUsable(): boolean {
    return !this.#isGivenUp && this.#onExit === undefined;
  }

  /** @param onFree called when the shell can take another command */
  run(command: LaunchedCommand, onFree: () => void): Launched {
    const exit = new Promise<number>((settle) => {
      this.#onExit = settle;
    });
    const { group, isConfined } = this.#family;
    const family = { ...this.#family, first: isConfined ? group : newestPid() + 1 };
    this.#process.stdin.write(scriptOf(command));
    let isReleased = false;
    const release = () => {
      if (!isReleased) onFree();
      isReleased = true;
    };
    return { family, exit, release };
  }

  close(): void {
    this.#process.stdin.end();
  }

  /** A line with the exit code. */
  #read(text: string): void {
    const lines = (this.#unread + text).split("\n");
    this.#unread = lines.pop() ?? "";
    for (const line of lines) this.#end(Number(line));
  }

  #lose(): void {
    this.#isGivenUp = true;
    this.#end(killedCode);
    this.#cgroup?.remove();
  }

  #end(code: number): void {
    this.#onExit?.(code);
    this.#onExit = undefined;
  }
}

/** Variables for one command are none of the shell's; those that it sets itself when it changes directory are taken back. */
function scriptOf({ program, args, environment, directory, stdout, stderr }: LaunchedCommand): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}`);
  const command = [...variables, ...[program, ...args].map(quote)].join(" ");
  const files = `</dev/null >>${quote(stdout)} 2>>${quote(stderr)}`;
  return `cd ${quote(directory)} && unset PWD OLDPWD && ${command} ${files}; echo $?; cd /\n`;
}

/** In single quotes nothing is special to a shell but the single quote. */
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
