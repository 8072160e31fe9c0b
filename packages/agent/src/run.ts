import type { KeptFile, RunExit, RunOrder, RunOutcome, RunStepName } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import { RuntimeLost } from "./containers/failures.ts";
import { NeverStarted } from "./executors/executor.ts";
import { diskFull, failureOf, memoryLimitExceeded, StepFailure, serverFailure } from "./failure.ts";
import { keepFiles, leavesFiles } from "./kept/keep-files.ts";
import { runPaths } from "./paths.ts";
import { freeDiskBytes } from "./sample.ts";
import { type InstalledPackage, installPackages } from "./steps/application-packages.ts";
import { type CommandEnd, runCommand } from "./steps/command.ts";
import { backgroundOf, runCoordinationCommand } from "./steps/coordination.ts";
import { uploadOutputFiles } from "./steps/output-files.ts";
import { downloadResourceFiles } from "./steps/resource-files.ts";
import type { PreparedRun, RunContext } from "./steps/step.ts";
import { enterDirectory, prepareDirectories } from "./steps/working-directory.ts";
import type { Users } from "./user.ts";

/** What the runs of a node have in common. */
export interface RunMeans extends Omit<RunContext, "order" | "paths" | "user" | keyof RunSignals | "signal"> {
  readonly root: string;
  readonly users: Users;
  /** How long the run had gone on with a former agent. */
  readonly elapsedSeconds: number;
}

export interface RunSignals {
  /** A failure that it aborts with is the run's end. */
  readonly cancelled: AbortSignal;
  /** Aborts when the command of an instance may start. */
  readonly proceed: AbortSignal;
}

/** The end of a run, and what is kept of its files. */
export interface RunEnding {
  readonly exit: RunOutcome;
  readonly kept?: readonly KeptFile[];
}

/** Executes a run from its directories to its uploads. Never rejects: whatever happens is an exit. */
export async function executeRun(
  order: RunOrder,
  means: RunMeans,
  { cancelled, proceed }: RunSignals,
): Promise<RunEnding> {
  const most = order.maxWallClockSeconds;
  const left = most === undefined ? undefined : Math.max(0, most - means.elapsedSeconds);
  await using limit = wallClock(left, cancelled, means.clock);
  const stopped = (end?: CommandEnd) => exitOfStopped(cancelled, end);
  const { signal } = limit;
  try {
    const run = await contextOf(order, means, { signal, proceed });
    if (order.kind === "packages") {
      await installPackages(run);
      return { exit: { kind: "exited", exitCode: 0 } };
    }
    const end = await runToItsEnd(run).catch((cause: unknown) => {
      // It has done nothing yet.
      if (cause instanceof NeverStarted) return runToItsEnd({ ...run, progress: {} });
      throw cause;
    });
    limit.stop();
    const exit = end.wasStopped ? stopped(end) : await foldEnd(run, end);
    // The wall clock is for the work: what a stopped command has left is still worth uploading.
    const uploadFailure = cancelled.aborted
      ? undefined
      : await run.steps
          .during("upload", () => uploadOutputFiles({ ...run, signal: cancelled }, end))
          .catch(() => undefined);
    if (cancelled.aborted) return await withKept(run, end, stopped(end));
    return await withKept(run, end, exit.kind === "exited" && uploadFailure ? { ...exit, uploadFailure } : exit);
  } catch (cause) {
    if (signal.aborted) return { exit: stopped() };
    if (cause instanceof RuntimeLost) return { exit: { kind: "lost", reason: cause.message } };
    if (!(cause instanceof StepFailure)) means.log.error("run failed unexpectedly", { runId: order.runId, cause });
    return { exit: { kind: "failed", failure: failureOf(cause) } };
  } finally {
    means.packages.release(order.runId);
    means.users.release(order.runId);
  }
}

/** What cannot be kept must not hide how the run has ended. */
async function withKept(run: RunContext, { hasFiles }: FinishedCommand, exit: RunOutcome): Promise<RunEnding> {
  if (!hasFiles) return { exit };
  try {
    const kept = await keepFiles(run, exit);
    return kept.length === 0 ? { exit } : { exit, kept };
  } catch (cause) {
    run.log.error("files not kept", { runId: run.order.runId, cause });
    return { exit };
  }
}

async function contextOf(
  order: RunOrder,
  means: RunMeans,
  signals: Pick<RunContext, "signal" | "proceed">,
): Promise<RunContext> {
  const paths = runPaths(means.root, order);
  if (paths === undefined)
    throw serverFailure("ResourceDirectoryCreateFailed", "The task directory leaves the compute node's root");
  await means.walls.ready();
  const user = await means.users.resolve(order.user, { runId: order.runId, paths });
  return { ...means, order, paths, user, ...signals };
}

/** The end of the command, and whether there may be something to keep. */
interface FinishedCommand extends CommandEnd {
  readonly hasFiles: boolean;
}

async function runToItsEnd(run: RunContext): Promise<FinishedCommand> {
  const hasBegun = run.progress.command !== undefined || run.progress.coordination !== undefined;
  // A command that is to end and runs already has to be taken over first.
  const first = hasBegun ? { ...run, signal: new AbortController().signal } : run;
  const step = async <Result>(name: RunStepName, act: (run: RunContext) => Promise<Result>) => {
    first.signal.throwIfAborted();
    return run.steps.during(name, () => act(first));
  };
  using taskDirectory = await step("directories", hasBegun ? enterDirectory : prepareDirectories);
  const prepared = { ...run, taskDirectory };
  const packages = await step("packages", installPackages);
  if (!hasBegun) await step("downloads", () => downloadResourceFiles(prepared));
  const end = await runCommands(prepared, packages, step);
  return { ...end, hasFiles: leavesFiles(run.order, taskDirectory) };
}

type Step = <Result>(name: RunStepName, act: (run: RunContext) => Promise<Result>) => Promise<Result>;

/** The command, and before it that by which the instances of a multi-instance task find each other. */
async function runCommands(
  prepared: PreparedRun,
  packages: readonly InstalledPackage[],
  step: Step,
): Promise<CommandEnd> {
  const run: RunContext = prepared;
  if (run.order.coordinationCommandLine === undefined)
    return await step("command", () => runCommand(prepared, packages));
  await using background = backgroundOf(run);
  if (!run.progress.isCoordinated) {
    const coordination = await step("command", () => runCoordinationCommand(prepared, packages));
    if (coordination.exitCode !== 0 || coordination.wasStopped) return coordination;
    run.keepProgress({ isCoordinated: true });
    run.onCoordinated();
  }
  await background.untilAllAreCoordinated();
  // Awaited here, so that the background outlives the command.
  return await step("command", () => runCommand(prepared, packages));
}

/** The exit of a run that was cut short: because its time was over, or for the reason with which it was cancelled. */
function exitOfStopped(cancelled: AbortSignal, end: CommandEnd | undefined): RunExit {
  if (cancelled.reason instanceof StepFailure) return { kind: "failed", failure: cancelled.reason.failure };
  const reason = cancelled.aborted ? "cancelled" : "wallClock";
  return { kind: "ended", reason, ...(end && { exitCode: end.exitCode, use: end.use }) };
}

async function foldEnd(run: RunContext, { exitCode, memoryKill, use }: CommandEnd): Promise<RunOutcome> {
  if (!Number.isInteger(exitCode)) return { kind: "lost", reason: "its exit code is not known" };
  // A command that dies of a full disk is not to blame.
  if (exitCode !== 0 && (await isDiskFull(run.paths.root, run.settings)))
    return { kind: "failed", failure: diskFull().failure };
  if (exitCode === 0 || memoryKill === undefined) return { kind: "exited", exitCode, use };
  return { kind: "exited", exitCode, use, failure: memoryLimitExceeded(memoryKill).failure };
}

const isDiskFull = async (root: string, { reservedDiskBytes }: RunMeans["settings"]) =>
  (await freeDiskBytes(root)) < reservedDiskBytes;

/** A signal that aborts when the run is cancelled or, unless that is stopped, out of time. */
function wallClock(seconds: number | undefined, cancelled: AbortSignal, clock: Clock) {
  if (seconds === undefined) return { signal: cancelled, stop: () => {}, [Symbol.asyncDispose]: async () => {} };
  const over = new AbortController();
  const stop = new AbortController();
  const wait = async () => {
    await clock.sleep(seconds * 1000, stop.signal);
    if (!stop.signal.aborted) over.abort("wallClock");
  };
  const waiting = wait();
  return {
    signal: AbortSignal.any([cancelled, over.signal]),
    stop: () => stop.abort("stopped"),
    async [Symbol.asyncDispose]() {
      stop.abort("stopped");
      await waiting;
    },
  };
}
