import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import type { Cgroup, Cgroups } from "./cgroups.ts";
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

/** A process that leads a process group of its own. */
export interface Launched {
  readonly pid: number;
  /** The exit code, or 128 + n when signal n ended the process. */
  readonly exit: Promise<number>;
  /** What the command has started and what is still running, itself included, where the machine can tell. */
  readonly members: (() => readonly number[]) | undefined;
  /** To be called when the command and what it started are over: from then on the shell may start another. */
  release(): void;
}

/**
 * Shells that wait to start commands. To fork a process as large as ours takes longer than many a task runs; a shell
 * that is small and already there does it in a fraction of that.
 */
export interface Launchers {
  /** Undefined when a shell cannot start this one: then it must be started in the ordinary way. */
  launch(command: LaunchedCommand, user: TaskUser | undefined): Promise<Launched> | undefined;
  close(): void;
}

const shell = "/bin/bash";
/** Takes scripts, each behind a line with its length: a shell that reads them from a pipe asks for a byte at a time. */
const loop = 'while IFS= read -r length && IFS= read -r -N "$length" script; do eval "$script"; done';
const mostIdle = 8;

export function openLaunchers(cgroups: Cgroups): Launchers {
  const idle = new Map<number | undefined, Launcher[]>();
  // Elsewhere it may be too old to read by length.
  const hasShell = process.platform === "linux" && isExecutable(shell);
  const shelve = (launcher: Launcher, uid: number | undefined) => {
    const shelf = idle.get(uid) ?? [];
    // One whose last command has left something running must not lend its group to another.
    if (launcher.isUsable && launcher.isAlone && shelf.length < mostIdle) idle.set(uid, [...shelf, launcher]);
    else launcher.close();
  };
  return {
    launch(command, user) {
      if (!hasShell || !canBeWritten(command)) return undefined;
      const launcher = takeUsable(idle.get(user?.uid)) ?? new Launcher(user, cgroups.make());
      return launcher.run(command, () => shelve(launcher, user?.uid));
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

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * A shell has no way to set variables whose names it does not take for names, nor to say that the system refuses to
 * start a program with so long a text.
 */
const canBeWritten = ({ args, environment }: LaunchedCommand) =>
  Object.keys(environment).every((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !ownVariables.has(name)) &&
  [...args, ...Object.values(environment)].every((text) => text.length < longestText);

/** Linux takes 128 KiB with the variable's name; a character has three bytes at most. */
const longestText = 40_000;

/** What the shell keeps to itself or refuses to have set. */
const ownVariables = new Set(["UID", "EUID", "PPID", "SHELLOPTS", "BASHOPTS", "BASH_VERSINFO", "BASH_ENV", "ENV"]);

/** What is promised to the one that waits for the command of a shell. */
interface Waiting {
  readonly onPid: (pid: number) => void;
  readonly onExit: (code: number) => void;
  readonly onLost: (error: Error) => void;
}

const killedCode = 137;

/** One shell, for one command at a time. */
class Launcher {
  readonly #process: ChildProcess;
  #unread = "";
  #waiting: Waiting | undefined;
  #isGone = false;
  readonly #cgroup: Cgroup | undefined;

  constructor(user: TaskUser | undefined, cgroup: Cgroup | undefined) {
    this.#cgroup = cgroup;
    this.#process = spawn(shell, ["--norc", "--noprofile", "-c", loop], {
      cwd: "/",
      env: {},
      // Not in our own group: a signal to ours must leave it time to be told.
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
      ...(user && { uid: user.uid, gid: user.gid }),
    });
    this.#process.stdout?.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.#process.stdin?.on("error", () => {});
    this.#process.once("error", (error) => this.#lose(error));
    this.#process.once("exit", () => this.#lose(new Error("the shell that started the command has ended")));
    // Before it is told of any command: all of them will be in its group.
    if (this.#process.pid !== undefined) cgroup?.add(this.#process.pid);
  }

  get isUsable(): boolean {
    return !this.#isGone;
  }

  /** Whether nothing but the shell is in its group, as far as the machine can tell. */
  get isAlone(): boolean {
    return this.#others().length === 0;
  }

  #others(): readonly number[] {
    return this.#cgroup?.pids().filter((pid) => pid !== this.#process.pid) ?? [];
  }

  /** @param onFree called when the shell can take another command */
  run(command: LaunchedCommand, onFree: () => void): Promise<Launched> {
    return new Promise((resolve, reject) => {
      let isKnown = false;
      let isReleased = false;
      const release = () => {
        if (!isReleased) onFree();
        isReleased = true;
      };
      const members = this.#cgroup && (() => this.#others());
      const exit = new Promise<number>((settle) => {
        this.#waiting = {
          onPid: (pid) => {
            isKnown = true;
            resolve({ pid, exit, members, release });
          },
          onExit: (code) => {
            this.#waiting = undefined;
            settle(code);
          },
          onLost: (error) => {
            if (!isKnown) return reject(error);
            settle(killedCode);
          },
        };
      });
      const script = scriptOf(command);
      this.#process.stdin?.write(`${Buffer.byteLength(script)}\n${script}`);
    });
  }

  close(): void {
    this.#process.stdin?.end();
  }

  /** A line with the process id, then one with the exit code behind an x. */
  #read(text: string): void {
    const lines = (this.#unread + text).split("\n");
    this.#unread = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("x")) this.#waiting?.onExit(Number(line.slice(1)));
      else this.#waiting?.onPid(Number(line));
    }
  }

  #lose(error: Error): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#waiting?.onLost(error);
    this.#waiting = undefined;
    this.#cgroup?.remove();
  }
}

/** In monitor mode a command that is started leads a process group of its own. */
function scriptOf({ program, args, environment, directory, stdout, stderr }: LaunchedCommand): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}`);
  const command = [program, ...args].map(quote).join(" ");
  return [
    `set -m\n(cd ${quote(directory)} && unset PWD OLDPWD SHLVL && export ${variables.join(" ")} && exec ${command})`,
    ` </dev/null >>${quote(stdout)} 2>>${quote(stderr)} &\nset +m\necho $!\nwait $!\necho x$?\n`,
  ].join("");
}

/** In single quotes nothing is special to a shell but the single quote. */
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
