import type { RunExit, RunOrder } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";
import { diskFull, failureOf, StepFailure, serverFailure } from "./failure.ts";
import { runPaths } from "./paths.ts";
import { freeDiskBytes } from "./sample.ts";
import { installPackages } from "./steps/application-packages.ts";
import { type CommandEnd, runCommand } from "./steps/command.ts";
import { backgroundOf, runCoordinationCommand } from "./steps/coordination.ts";
import { uploadOutputFiles } from "./steps/output-files.ts";
import { downloadResourceFiles } from "./steps/resource-files.ts";
import type { RunContext } from "./steps/step.ts";
import { prepareDirectories } from "./steps/working-directory.ts";
import type { ResolveUser } from "./user.ts";

/** What the runs of a node have in common. */
export interface RunMeans extends Omit<RunContext, "order" | "paths" | "user" | keyof RunSignals | "signal"> {
  readonly root: string;
  readonly resolveUser: ResolveUser;
}

export interface RunSignals {
  readonly cancelled: AbortSignal;
  /** Aborts when the command of an instance may start. */
  readonly proceed: AbortSignal;
}

/** Executes a run from its directories to its uploads. Never rejects: whatever happens is an exit. */
export async function executeRun(
  order: RunOrder,
  means: RunMeans,
  { cancelled, proceed }: RunSignals,
): Promise<RunExit> {
  await using limit = wallClock(order.maxWallClockSeconds, cancelled, means.clock);
  const stopped = (): "cancelled" | "wallClock" => (cancelled.aborted ? "cancelled" : "wallClock");
  const { signal } = limit;
  try {
    const run = await contextOf(order, means, { signal, proceed });
    if (order.kind === "packages") {
      await installPackages(run);
      return { kind: "exited", exitCode: 0 };
    }
    const end = await runToItsEnd(run);
    limit.stop();
    const exit = await foldEnd(run, end, stopped());
    // The wall clock is for the work: what a stopped command has left is still worth uploading.
    const uploadFailure = cancelled.aborted
      ? undefined
      : await uploadOutputFiles({ ...run, signal: cancelled }, end).catch(() => undefined);
    if (cancelled.aborted) return { kind: "ended", reason: "cancelled", exitCode: end.exitCode };
    return exit.kind === "exited" && uploadFailure ? { ...exit, uploadFailure } : exit;
  } catch (cause) {
    if (signal.aborted) return { kind: "ended", reason: stopped() };
    if (!(cause instanceof StepFailure)) means.log.error("run failed unexpectedly", { runId: order.runId, cause });
    return { kind: "failed", failure: failureOf(cause) };
  } finally {
    means.packages.release(order.runId);
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
  return { ...means, order, paths, user: await means.resolveUser(order.user), ...signals };
}

async function runToItsEnd(run: RunContext): Promise<CommandEnd> {
  const step = async <Result>(act: (run: RunContext) => Promise<Result>) => {
    run.signal.throwIfAborted();
    return act(run);
  };
  await step(prepareDirectories);
  const packages = await step(installPackages);
  await step(downloadResourceFiles);
  if (run.order.coordinationCommandLine === undefined) return step(() => runCommand(run, packages));
  await using background = backgroundOf(run);
  const coordination = await step(() => runCoordinationCommand(run, packages));
  if (coordination.exitCode !== 0 || coordination.wasStopped) return coordination;
  run.onCoordinated();
  await background.untilAllAreCoordinated();
  // Awaited here, so that the background outlives the command.
  return await step(() => runCommand(run, packages));
}

async function foldEnd(run: RunContext, end: CommandEnd, reason: "cancelled" | "wallClock"): Promise<RunExit> {
  const { exitCode, wasStopped } = end;
  if (wasStopped) return { kind: "ended", reason, exitCode };
  // A command that dies of a full disk is not to blame.
  const isFull = exitCode !== 0 && (await freeDiskBytes(run.paths.root)) < run.settings.reservedDiskBytes;
  return isFull ? { kind: "failed", failure: diskFull().failure } : { kind: "exited", exitCode };
}

const longestSleep = 24 * 3600 * 1000;

/** A signal that aborts when the run is cancelled or, unless that is stopped, out of time. */
function wallClock(seconds: number | undefined, cancelled: AbortSignal, clock: Clock) {
  if (seconds === undefined) return { signal: cancelled, stop: () => {}, [Symbol.asyncDispose]: async () => {} };
  const over = new AbortController();
  const stop = new AbortController();
  const wait = async () => {
    const end = clock.now().getTime() + seconds * 1000;
    // A timer of more than 24 days would go off at once.
    for (let left = seconds * 1000; left > 0 && !stop.signal.aborted; left = end - clock.now().getTime()) {
      await clock.sleep(Math.min(left, longestSleep), stop.signal);
    }
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
