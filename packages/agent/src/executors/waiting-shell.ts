import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { RunUse } from "@kyanite/contract";
import { type Clock, type ProcessRecord, processCommandLine, signalProcess } from "@kyanite/runtime";
import type { Cgroup } from "../cgroups.ts";
import { type StepFailure, serverFailure } from "../failure.ts";
import type { MemoryKill } from "../limits.ts";
import { Gauge } from "../run-use/gauge.ts";
import { mostOf, useSince } from "../run-use/use.ts";
import { NeverStarted, type ProcessExecutionRecord } from "./executor.ts";
import type { ShellPipes } from "./pipes.ts";
import { killedCode, newestPid, type ProcessFamily, whenGone } from "./process-family.ts";

/** What a shell is told to run. */
export interface LaunchedCommand {
  readonly runId: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Files that are there; the output goes to their ends. */
  readonly stdout: string;
  readonly stderr: string;
  /** How many of the node's slots the run takes, which decides what it may take besides. */
  readonly slots: number | undefined;
}

export type ShellRecord = Extract<ProcessExecutionRecord, { kind: "shell" }>;

export interface Launched {
  readonly family: Omit<ProcessFamily, "runId" | "since">;
  /** The exit code, or 128 + n when signal n ended the process. Rejects when the shell says anything else. */
  readonly exit: Promise<number>;
  memoryKill(): MemoryKill | undefined;
  look(): void;
  use(): RunUse;
  /** To be called when the command and what it started are over: from then on the shell may start another. */
  release(): void;
}

/**
 * The smallest there is, and it starts a command without a copy of itself, by vfork. It can make no process groups, so
 * a command is in that of its shell.
 */
export const shell = "/bin/dash";

/** The last of them is for people who list processes, and for us to tell a shell from a command. */
export const shellArguments = ["-s", "kyanite-waiting-shell"];

/** A command may signal its group, and the shell has to tell afterwards how it ended. Commands do not inherit this. */
export const patience = "trap : HUP INT QUIT USR1 USR2 PIPE ALRM TERM\n";

interface Confinement {
  readonly process: ProcessRecord;
  readonly pipes: ShellPipes;
  readonly cgroup: Cgroup | undefined;
  /** Whether nothing can leave the control group. */
  readonly isConfined: boolean;
  isBeginning(pid: number): boolean;
}

/** Until it becomes the command, a process that a shell has made looks like the shell. */
export const looksLike = (shell: string) => (pid: number) =>
  processCommandLine(pid) === [shell, ...shellArguments].join(" ");

/** What an adopted shell says of the last command that has ended. */
const adopted = "adopted";

/** One shell, for one command at a time. */
export class WaitingShell {
  readonly #own: Confinement;
  readonly #talk: { readonly input: Socket; readonly output: Socket };
  readonly #family: Omit<ProcessFamily, "runId" | "since" | "first">;
  #unread = "";
  #onExit: ((end: number | Error) => void) | undefined;
  #isGivenUp = false;
  /** Of the group of a shell that is gone. */
  #lastMemoryKill: MemoryKill | undefined;
  #adoptedRun: string | undefined;
  readonly #gauge: Gauge;
  /** What all its commands have used together; of those under way, when they were looked at. */
  #used: RunUse = {};

  constructor(own: Confinement) {
    const { process, pipes, cgroup, isConfined, isBeginning } = own;
    this.#own = own;
    this.#gauge = new Gauge(process.pid, cgroup?.counters);
    this.#talk = pipes.openForAgent();
    const giveUp = () => {
      this.#isGivenUp = true;
    };
    this.#family = {
      group: process.pid,
      shell: { giveUp, isBeginning },
      members: cgroup && (() => cgroup.pids().filter((each) => each !== process.pid)),
      isConfined,
    };
    this.#talk.output.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    for (const socket of [this.#talk.input, this.#talk.output]) socket.on("error", () => {});
  }

  /** Whether it can take a command. One that left something running did not survive that being killed. */
  get isUsable(): boolean {
    return !this.#isGivenUp && this.#onExit === undefined;
  }

  /** Whether its commands have left files in memory, which would give the next less than its share. */
  get keepsMemory(): boolean {
    return this.#own.cgroup?.keepsMemory() === true;
  }

  tell(script: string): void {
    this.#talk.input.write(script);
  }

  loseWhen(child: ChildProcess): void {
    child.once("exit", () => this.#lose());
  }

  /** For a shell that is no child of ours. */
  async loseWhenGone(clock: Clock): Promise<void> {
    await whenGone(this.#own.process, clock);
    this.#lose();
  }

  /** @param onFree called when the shell can take another command */
  run(
    command: LaunchedCommand,
    { onFree, onLaunch }: { onFree: () => void; onLaunch?: ((record: Omit<ShellRecord, "since">) => void) | undefined },
  ): Launched {
    const { process, pipes, cgroup, isConfined } = this.#own;
    const first = isConfined ? process.pid : newestPid() + 1;
    cgroup?.limit(command.slots);
    const used = this.#gauge.begin();
    try {
      onLaunch?.({ kind: "shell", process, name: pipes.name, first, cgroup: cgroup?.name, isConfined, used });
    } catch (cause) {
      this.close();
      throw cause;
    }
    const launched = this.#follow(first, used, onFree);
    this.tell(scriptOf(command));
    return launched;
  }

  /** The command that it has begun before. It gets no other: who knows whom it was for. */
  goOn(runId: string, { first, used = {} }: Pick<ShellRecord, "first" | "used">): Launched {
    const launched = this.#follow(first, used, () => this.close());
    this.#adoptedRun = runId;
    this.tell(`echo ${adopted} $kyanite_run $kyanite_exit\n`);
    return launched;
  }

  close(): void {
    this.#isGivenUp = true;
    tellToEnd(this.#talk, this.#own.pipes);
  }

  #follow(first: number, before: RunUse, onFree: () => void): Launched {
    const exit = new Promise<number>((settle, reject) => {
      this.#onExit = (end) => (typeof end === "number" ? settle(end) : reject(end));
    });
    // Whoever stops the command may never ask how it ended.
    exit.catch(() => {});
    const family = { ...this.#family, first };
    let isReleased = false;
    const release = () => {
      // Not before the end of this run is on the disk, which it is in this turn: of two runs that one shell has begun
      // another agent could ask it only about the later.
      if (!isReleased) setImmediate(onFree);
      isReleased = true;
    };
    this.#used = {};
    return {
      family,
      exit,
      memoryKill: () => this.#memoryKill(),
      look: () => {
        this.#used = mostOf(this.#used, this.#gauge.look(this.#family.members?.()));
      },
      use: () => useSince(before, mostOf(this.#used, this.#gauge.read())),
      release,
    };
  }

  /** One line with the exit code, for the command that is under way; a shell that says anything else is not ours. */
  #read(text: string): void {
    this.#unread += text;
    if (!this.#unread.endsWith("\n") && this.#unread.length < 100) return;
    const lines = this.#unread.split("\n").slice(0, -1);
    this.#unread = "";
    for (const line of lines.length === 0 ? [text] : lines) this.#hear(line);
  }

  #hear(line: string): void {
    if (line.startsWith(adopted)) {
      // Its agent may have heard how it ended, and been killed before it could note that.
      const [, runId, code] = line.split(" ");
      const hasEnded = runId !== undefined && runId === this.#adoptedRun;
      this.#end(hasEnded ? Number(code) : new NeverStarted("the command was never started"));
      return;
    }
    const isExit = /^\d{1,3}$/.test(line) && Number(line) <= 255 && this.#onExit !== undefined;
    this.#end(isExit ? Number(line) : serverFailure("Unknown", "The exit code of the command got lost"));
    if (isExit) return;
    this.#isGivenUp = true;
    signalProcess(this.#own.process, "SIGKILL");
  }

  #memoryKill(): MemoryKill | undefined {
    return this.#lastMemoryKill ?? this.#own.cgroup?.memoryKill();
  }

  #lose(): void {
    this.#isGivenUp = true;
    this.#lastMemoryKill = this.#memoryKill();
    this.#used = mostOf(this.#used, this.#gauge.read());
    this.#gauge.close();
    this.#end(killedCode);
    for (const socket of [this.#talk.input, this.#talk.output]) socket.destroy();
    this.#own.pipes.remove();
    this.#own.cgroup?.remove();
  }

  #end(end: number | StepFailure | NeverStarted): void {
    this.#onExit?.(end);
    this.#onExit = undefined;
  }
}

/** The shell ends after what it has begun. Nobody finds its pipes any more. */
export function tellToEnd(
  { input, output }: { readonly input: Socket; readonly output: Socket },
  pipes: ShellPipes,
): void {
  output.destroy();
  input.on("error", () => {});
  input.write("exit\n", () => input.destroy());
  pipes.remove();
}

/**
 * Variables for one command are none of the shell's; those that it sets itself when it changes directory are taken
 * back. It remembers how the last command ended.
 */
function scriptOf({ runId, program, args, environment, directory, stdout, stderr }: LaunchedCommand): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}`);
  const command = [...variables, ...[program, ...args].map(quote)].join(" ");
  const files = `</dev/null >>${quote(stdout)} 2>>${quote(stderr)}`;
  const ending = `kyanite_exit=$?; kyanite_run=${quote(runId)}; echo $kyanite_exit; cd /`;
  return `cd ${quote(directory)} && unset PWD OLDPWD && ${command} ${files}; ${ending}\n`;
}

/** In single quotes nothing is special to a shell but the single quote. */
const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * A shell has no way to set variables whose names it does not take for names, nor that of which it wants a number, nor
 * to say that the system refuses to start a program with so long a text.
 */
export const canBeWritten = ({ args, environment }: LaunchedCommand) =>
  Object.keys(environment).every((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name !== "OPTIND") &&
  [...args, ...Object.values(environment)].every((text) => text.length < longestText);

/** Linux takes 128 KiB with the variable's name; a character has three bytes at most. */
const longestText = 40_000;
