import { userInfo } from "node:os";
import { join } from "node:path";
import type { RunUse } from "@kyanite/contract";
import { splitCommandLine } from "@kyanite/contract/command-line";

import { runEnvironment } from "../environment.ts";
import type { Execution, ExecutionRecord } from "../executors/executor.ts";
import { isDiskFullError, StepFailure } from "../failure.ts";
import type { MemoryKill } from "../limits.ts";
import { openEmptied } from "../task-files/plain-file.ts";
import type { InstalledPackage } from "./application-packages.ts";
import { containedRun, startContained } from "./container.ts";
import { findProgram, launchFailed, programNotFound } from "./program.ts";
import type { PreparedRun, RunContext } from "./step.ts";

export interface CommandEnd {
  readonly exitCode: number;
  /** Whether it was killed because the run was to end. */
  readonly wasStopped: boolean;
  readonly memoryKill: MemoryKill | undefined;
  /** What it and all that it has started have used. */
  readonly use: RunUse;
  readonly environment: Readonly<Record<string, string>>;
}

/** Runs the command to its end; afterwards nothing that it started is left. */
export async function runCommand(run: PreparedRun, packages: readonly InstalledPackage[]): Promise<CommandEnd> {
  const environment = environmentOf(run, packages);
  const { end } = run.progress;
  if (end) return { ...end, environment };
  const command = await launch(run, { commandLine: run.order.commandLine, output: "", environment, as: "command" });
  const unwatch = run.lookout.watch(command);
  try {
    const wasStopped = await endOf(command, run);
    const exitCode = await command.exit;
    if (!(await command.kill())) run.log.warn("processes left", { runId: run.order.runId });
    const memoryKill = command.memoryKill();
    const use = command.use();
    // Another agent asks a shell how the command has ended, unless something takes time now; of any other that is
    // forgotten.
    if (exitCode !== 0 || run.order.uploads.length > 0 || command.isForgetful)
      run.keepProgress({ end: { exitCode, wasStopped, memoryKill, use } });
    return { exitCode, wasStopped, memoryKill, use, environment };
  } finally {
    unwatch();
    await command.release();
  }
}

export interface Launch {
  readonly commandLine: string;
  /** What the names of its output files begin with. */
  readonly output: string;
  readonly environment: Readonly<Record<string, string>>;
  /** What a coordination command starts may go on after it, so that no shell can lend its process group to another. */
  readonly as: "command" | "coordination";
}

export function environmentOf({ order, paths, settings, user }: RunContext, packages: readonly InstalledPackage[]) {
  const userName = user?.name ?? userInfo().username;
  return runEnvironment(order, { ...settings, paths, packages, userName });
}

/** Starts a command of the run in its working directory, or takes it over when a former agent has started it. */
export async function launch(run: PreparedRun, { commandLine, output, environment, as }: Launch): Promise<Execution> {
  const { order, paths, user, executor, containers } = run;
  const started = run.progress[as];
  if (started?.kind === "container") {
    const { executor, instances } = containers;
    const former = order.coordinationCommandLine === undefined ? executor : instances;
    return former.adopt(containedRun(run, output), started);
  }
  if (started) return executor.adopt(order.runId, started);
  const onLaunch = (record: ExecutionRecord) => run.keepProgress({ [as]: record });
  if (order.container) return startContained(run, order.container, { commandLine, output, environment }, onLaunch);
  const [name = "", ...args] = splitCommandLine(commandLine);
  run.signal.throwIfAborted();
  try {
    const program = programOf(name, run, { output, environment });
    return await executor.start(
      {
        runId: order.runId,
        program,
        args,
        environment,
        directory: paths.working,
        taskDirectory: run.taskDirectory,
        stdout: join(paths.task, `${output}stdout.txt`),
        stderr: join(paths.task, `${output}stderr.txt`),
        user,
        slots: order.slots,
        standsAlone: as === "coordination" || program.startsWith(`${paths.root}/`),
      },
      onLaunch,
    );
  } catch (cause) {
    if (isDiskFullError(cause) || cause instanceof StepFailure) throw cause;
    throw launchFailed(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** Where no program is started its output is there all the same, and empty. */
function programOf(name: string, run: PreparedRun, { output, environment }: Pick<Launch, "output" | "environment">) {
  const { paths, user, walls, taskDirectory } = run;
  try {
    if (name === "") throw programNotFound("The command line is empty");
    return findProgram(name, { workingDirectory: paths.working, path: environment.PATH ?? "", user, walls });
  } catch (cause) {
    for (const stream of ["stdout.txt", "stderr.txt"])
      openEmptied(taskDirectory, `${output}${stream}`, { user })[Symbol.dispose]();
    throw cause;
  }
}

/** Waits for the command, or stops it; says which. */
export async function endOf(command: Execution, { signal, settings }: RunContext): Promise<boolean> {
  const hasExited = await new Promise<boolean>((settle) => {
    const stop = () => settle(false);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    const leave = () => {
      signal.removeEventListener("abort", stop);
      settle(true);
    };
    command.exit.then(leave, leave);
  });
  if (hasExited) return false;
  await command.stop(1_000 * settings.killGraceSeconds);
  return true;
}
