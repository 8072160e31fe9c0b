import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { basename, join } from "node:path";
import type { RunUse } from "@kyanite/contract";
import {
  type Clock,
  exposedToOomKiller,
  type ProcessRecord,
  processCommandLine,
  processRecord,
  waitUntil,
} from "@kyanite/runtime";
import type { Cgroup, Cgroups } from "../cgroups.ts";
import { Gauge } from "../run-use/gauge.ts";
import { useByShell } from "../run-use/shell-accounts.ts";
import { mostOf } from "../run-use/use.ts";
import { openEmptied } from "../task-files/plain-file.ts";
import type { Walls } from "../walls/walls.ts";
import { type Command, type Execution, type Executor, NeverStarted, type ProcessExecutionRecord } from "./executor.ts";
import { type Launchers, openLaunchers } from "./launcher.ts";
import {
  hasBegun,
  killedCode,
  membersOf,
  type ProcessFamily,
  signalFamily,
  signalGroup,
  whenGone,
} from "./process-family.ts";

interface ExecutorOptions {
  /** The node's own, in which no task can put anything. */
  readonly directory: string;
  readonly cgroups: Cgroups;
  readonly walls: Walls;
  readonly clock: Clock;
}

interface Means extends ExecutorOptions {
  readonly launchers: Launchers;
  /** Where the exit codes of commands are written that no shell of ours has started. */
  readonly exits: string;
}

/** A command that is a family of processes of the machine. */
export interface ProcessExecution extends Execution {
  readonly family: ProcessFamily;
}

export interface ProcessExecutor extends Executor {
  readonly launchers: Launchers;
  start(command: Command, onLaunch: (record: ProcessExecutionRecord) => void): Promise<ProcessExecution>;
}

/** Commands are processes of the machine, inside the walls of their node. Each has a process group of its own. */
export function processExecutor(options: ExecutorOptions): ProcessExecutor {
  const launchers = openLaunchers({ ...options, directory: join(options.directory, "shells") });
  const exits = join(options.directory, "exits");
  mkdirSync(exits, { recursive: true, mode: 0o700 });
  const means = { ...options, launchers, exits };
  const { clock } = options;
  return {
    launchers,
    async start(command, onLaunch) {
      const { taskDirectory, user } = command;
      // The last run's command could have put anything there.
      using stdout = openEmptied(taskDirectory, basename(command.stdout), { user });
      using stderr = openEmptied(taskDirectory, basename(command.stderr), { user });
      const started =
        startInShell(command, means, onLaunch) ?? (await startAlone(command, [stdout.fd, stderr.fd], means, onLaunch));
      return executionOf(started, clock);
    },
    adopt(runId, record) {
      const started = record.kind === "shell" ? adoptInShell(runId, record, means) : adoptAlone(runId, record, means);
      return executionOf(started, clock);
    },
    keepOnly(wanted) {
      const names = wanted.map(({ name }) => name);
      launchers.endOthers(names);
      for (const name of readdirSync(exits)) if (!names.includes(name)) rmSync(join(exits, name), { force: true });
    },
    close: () => launchers.close(),
  };
}

interface StartedCommand {
  readonly family: ProcessFamily;
  readonly exit: Promise<number>;
  readonly memoryKill: Execution["memoryKill"];
  readonly look: () => void;
  readonly use: Execution["use"];
  readonly isForgetful: boolean;
  readonly release: () => void;
}

const executionOf = (started: StartedCommand, clock: Clock): ProcessExecution => ({
  ...started,
  release: async () => started.release(),
  stop: (graceMilliseconds) => {
    started.look();
    return stop(started, { clock, graceMilliseconds });
  },
  kill: () => kill(started.family, clock),
});

function startInShell(
  command: Command,
  { launchers, clock }: Means,
  onLaunch: (record: ProcessExecutionRecord) => void,
): StartedCommand | undefined {
  if (command.standsAlone) return undefined;
  const since = clock.now();
  const launched = launchers.launch(command, command.user, (record) =>
    onLaunch({ ...record, since: since.toISOString() }),
  );
  return launched && { ...launched, isForgetful: false, family: { ...launched.family, runId: command.runId, since } };
}

function adoptInShell(runId: string, record: Extract<ProcessExecutionRecord, { kind: "shell" }>, { launchers }: Means) {
  const launched = launchers.adopt(runId, record);
  return { ...launched, isForgetful: false, family: { ...launched.family, runId, since: new Date(record.since) } };
}

async function startAlone(
  command: Command,
  [stdout, stderr]: [number, number],
  { walls, cgroups, clock, exits }: Means,
  onLaunch: (record: ProcessExecutionRecord) => void,
): Promise<StartedCommand> {
  const { program, args, ids } = waitingStart(command, walls);
  const name = randomUUID();
  const exitCode = openSync(join(exits, name), "wx", 0o600);
  const child = exposedToOomKiller(() =>
    spawn(program, args, { cwd: "/", env: {}, ...ids, detached: true, stdio: ["pipe", stdout, stderr, exitCode] }),
  );
  closeSync(exitCode);
  const exit = exitOf(child);
  const { pid } = child;
  const cgroup = pid === undefined ? undefined : cgroups.make();
  cgroup?.limit(command.slots);
  if (pid !== undefined) cgroup?.add(pid);
  const since = clock.now();
  const process = pid === undefined ? undefined : recordOf(pid);
  const place = { kind: "process", name, since: since.toISOString(), cgroup: cgroup?.name } as const;
  child.stdin?.on("error", () => {});
  try {
    if (process) onLaunch({ ...place, process, first: process.pid });
  } catch (cause) {
    child.stdin?.destroy();
    throw cause;
  }
  child.stdin?.end("go\n");
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject)).catch((error) => {
    rmSync(join(exits, name), { force: true });
    throw error;
  });
  if (process === undefined) throw new Error(`${command.program} has no process id`);
  return aloneOf({ runId: command.runId, process, cgroup, since, exit, exitFile: join(exits, name) });
}

const exitOf = (child: ChildProcess): Promise<number> =>
  new Promise<number>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal ? osConstants.signals[signal] : 0))),
  );

const recordOf = (pid: number): ProcessRecord => processRecord(pid) ?? { pid, startedAt: "already ended" };

function adoptAlone(
  runId: string,
  record: Extract<ProcessExecutionRecord, { kind: "process" }>,
  { cgroups, clock, exits }: Means,
): StartedCommand {
  const { process } = record;
  const exitFile = join(exits, record.name);
  const watch = async () => {
    await whenGone(process, clock);
    const written = readFileSync(exitFile, "utf8").trim();
    if (written === neverStarted) throw new NeverStarted("the command was never started");
    // Whoever waits for the command heeds no signal but the one after which nothing is written.
    return Number(written.split("\n", 1)[0] || killedCode);
  };
  const cgroup = record.cgroup === undefined ? undefined : cgroups.find(record.cgroup);
  const exit = watch();
  exit.catch(() => {});
  return aloneOf({ runId, process, cgroup, since: new Date(record.since), exit, exitFile });
}

interface Alone {
  readonly runId: string;
  readonly process: ProcessRecord;
  readonly cgroup: Cgroup | undefined;
  readonly since: Date;
  readonly exit: Promise<number>;
  readonly exitFile: string;
}

function aloneOf({ runId, process, cgroup, since, exit, exitFile }: Alone): StartedCommand {
  const { pid } = process;
  const family = {
    runId,
    group: pid,
    first: pid,
    since,
    members: cgroup && (() => cgroup.pids().filter((each) => each !== pid)),
    shell: passingShell(pid),
  };
  const gauge = new Gauge(pid, cgroup?.counters);
  cgroup?.counters.begin();
  let looked: RunUse = {};
  const release = () => {
    gauge.close();
    rmSync(exitFile, { force: true });
    cgroup?.remove();
  };
  return {
    family,
    exit,
    memoryKill: () => cgroup?.memoryKill(),
    look: () => {
      looked = mostOf(looked, gauge.look(family.members?.()));
    },
    use: () => mostOf(looked, { ...useByShell(exitFile), ...gauge.read() }),
    isForgetful: true,
    release,
  };
}

const neverStarted = "never";

/**
 * A shell waits for the command, writes its exit code where another agent finds it, passes it on, and heeds no signal
 * but SIGKILL. Who enters the walls and can never become root stays outside itself, and only its children are in there:
 * for them the shell is inside. For anybody else it waits outside, for the program that enters. The variables go by way
 * of `env`: a shell drops those whose names it does not take for names.
 */
const waitingScript = `
trap : HUP INT QUIT USR1 USR2 PIPE ALRM TERM
# Its agent puts it into a control group first, and notes it.
read go || { echo ${neverStarted} >&3; exit 1; }
cd "$1" && shift && "$@" </dev/null 3>&-
code=$?
echo $code >&3
# What the command has used, where nobody else counts it.
{ times; while read -r line; do echo "$line"; done </proc/self/io; } >&3 2>/dev/null
exit $code
`;

const waitingShell = "/bin/sh";

function waitingStart({ user, program, args, environment, directory }: Command, walls: Walls) {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  // A name with an equals sign would be taken for one more variable.
  const before = program.includes("=") ? ["/usr/bin/nice", "-n", "0"] : [];
  const command = ["-i", ...variables, ...before, program, ...args];
  const waiting = (place: string, given: readonly string[]) => [
    "-c",
    waitingScript,
    "kyanite-waiting-shell",
    place,
    ...given,
  ];
  if (!walls.startsInside(user)) {
    const shell = walls.obstacle === undefined ? walls.shell : waitingShell;
    return walls.enter(shell, waiting(directory, ["/usr/bin/env", ...command]), user);
  }
  const { program: entering, args: given } = walls.enter("/usr/bin/env", command, user, directory);
  return { program: waitingShell, args: waiting("/", [entering, ...given]), ids: {} };
}

/** It is gone when its command is, and may be killed with it; until that has begun, it looks like the shell. */
function passingShell(pid: number) {
  return { giveUp: () => {}, isBeginning: (member: number) => processCommandLine(member) === processCommandLine(pid) };
}

/** Ends a command and all that it has started: SIGTERM, a grace, SIGKILL. */
async function stop(
  { family, exit }: StartedCommand,
  { clock, graceMilliseconds }: { readonly clock: Clock; readonly graceMilliseconds: number },
): Promise<void> {
  let hasExited = false;
  const leave = () => {
    hasExited = true;
  };
  exit.then(leave, leave);
  const grace = { clock, timeoutMilliseconds: graceMilliseconds };
  const isTold = () => {
    const isThere = hasBegun(family, clock.now());
    return hasExited || (signalFamily(family, "SIGTERM", clock.now()) > 0 && isThere);
  };
  const isGone = () => hasExited && membersOf(family, clock.now()).length === 0;
  if ((await waitUntil(isTold, grace)) && (await waitUntil(isGone, grace))) return;
  if (family.shell && !hasExited) signalGroup(family, "SIGKILL");
  await kill(family, clock);
  await exit.catch(() => {});
}

const killMilliseconds = 5_000;

/** Kills what is left of a family. A process may fork while we look, so we look until nobody is left. */
async function kill(family: ProcessFamily, clock: Clock): Promise<boolean> {
  const isGone = () => signalFamily(family, "SIGKILL", clock.now()) === 0;
  return waitUntil(isGone, { clock, timeoutMilliseconds: killMilliseconds });
}
