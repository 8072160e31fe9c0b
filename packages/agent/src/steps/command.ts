import { statSync } from "node:fs";
import { userInfo } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { hasErrorCode } from "@kyanite/runtime";
import { splitCommandLine } from "../command-line.ts";
import { runEnvironment } from "../environment.ts";
import { isDiskFullError, userFailure } from "../failure.ts";
import { killFamily, type StartedCommand, startCommand, stopCommand } from "../process.ts";
import { isExecutable } from "../tool.ts";
import type { InstalledPackage } from "./application-packages.ts";
import type { RunContext } from "./step.ts";

export interface CommandEnd {
  readonly exitCode: number;
  /** Whether it was killed because the run was to end. */
  readonly wasStopped: boolean;
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs the command to its end; afterwards nothing that it started is left. */
export async function runCommand(run: RunContext, packages: readonly InstalledPackage[]): Promise<CommandEnd> {
  const environment = environmentOf(run, packages);
  const command = await launch(run, { commandLine: run.order.commandLine, output: "", environment });
  try {
    const wasStopped = await endOf(command, run);
    const exitCode = await command.exit;
    if (!(await killFamily(command.family, run.clock))) run.log.warn("processes left", { runId: run.order.runId });
    return { exitCode, wasStopped, environment };
  } finally {
    command.release();
  }
}

export interface Launch {
  readonly commandLine: string;
  /** What the names of its output files begin with. */
  readonly output: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Whether what it starts may go on after it, so that no shell can lend its process group to another then. */
  readonly leavesOthers?: true;
}

export function environmentOf({ order, paths, settings, user }: RunContext, packages: readonly InstalledPackage[]) {
  const userName = user?.name ?? userInfo().username;
  return runEnvironment(order, { ...settings, paths, packages, userName });
}

/** Starts a command of the run in its working directory. */
export async function launch(
  run: RunContext,
  { commandLine, output, environment, leavesOthers }: Launch,
): Promise<StartedCommand> {
  const { order, paths, user, clock } = run;
  const [name, ...args] = splitCommandLine(commandLine);
  if (!name) throw programNotFound("The command line is empty");
  const program = findProgram(name, paths.working, environment.PATH ?? "");
  run.signal.throwIfAborted();
  try {
    return await startCommand(
      {
        runId: order.runId,
        program,
        args,
        environment,
        directory: paths.working,
        stdout: join(paths.task, `${output}stdout.txt`),
        stderr: join(paths.task, `${output}stderr.txt`),
        user,
        // A program that was just downloaded may be held open by another run of ours that is being forked, which a
        // shell could not tell from a program that ended with 126.
        launchers: leavesOthers || program.startsWith(`${paths.root}/`) ? undefined : run.launchers,
        cgroups: run.cgroups,
        onLaunch: run.onLaunch,
      },
      clock,
    );
  } catch (cause) {
    if (isDiskFullError(cause)) throw cause;
    throw launchFailed(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** Waits for the command, or stops it; says which. */
export async function endOf(command: StartedCommand, { signal, clock, settings }: RunContext): Promise<boolean> {
  const hasExited = await new Promise<boolean>((settle) => {
    const stop = () => settle(false);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    void command.exit.then(() => {
      signal.removeEventListener("abort", stop);
      settle(true);
    });
  });
  if (hasExited) return false;
  await stopCommand(command, { clock, graceMilliseconds: 1_000 * settings.killGraceSeconds });
  return true;
}

/** A name without a slash is looked for in the working directory, then in PATH. */
function findProgram(name: string, workingDirectory: string, path: string): string {
  const places = name.includes("/") ? [workingDirectory] : [workingDirectory, ...path.split(delimiter).filter(Boolean)];
  let closed: string | undefined;
  for (const place of places) {
    const file = resolve(workingDirectory, place, name);
    if (!isFile(file)) continue;
    if (isExecutable(file)) return file;
    closed ??= file;
  }
  if (closed !== undefined) throw launchFailed(`${closed} is not executable`);
  throw programNotFound(`No such file: ${name}`);
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG", "ERR_INVALID_ARG_VALUE"))
      return false;
    throw error;
  }
}

const programNotFound = (reason: string) =>
  userFailure("CommandProgramNotFound", "The specified command program is not found", { Message: reason });

const launchFailed = (reason: string, cause?: unknown) =>
  userFailure("CommandLaunchFailed", "The specified command program could not be started", { Message: reason }, cause);
