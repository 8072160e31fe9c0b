import { aborted, processesWithVariable, signalProcess, waitUntil } from "@kyanite/runtime";
import { runMarker } from "../environment.ts";
import type { InstalledPackage } from "./application-packages.ts";
import { type CommandEnd, endOf, environmentOf, launch } from "./command.ts";
import { endOfContainer } from "./container.ts";
import type { PreparedRun, RunContext } from "./step.ts";

/**
 * Runs the coordination command of an instance to its end. What it has put into the background goes on. A subtask has
 * no other command, so the output has the usual names there; the primary's own command needs those for itself.
 */
export async function runCoordinationCommand(
  run: PreparedRun,
  packages: readonly InstalledPackage[],
): Promise<CommandEnd> {
  const environment = environmentOf(run, packages);
  const output = run.order.kind === "subtask" ? "" : "coordination-";
  const commandLine = run.order.coordinationCommandLine ?? "";
  const command = await launch(run, { commandLine, output, environment, as: "coordination" });
  try {
    const wasStopped = await endOf(command, run);
    const exitCode = await command.exit;
    return { exitCode, wasStopped, memoryKill: command.memoryKill(), use: command.use(), environment };
  } finally {
    await command.release();
  }
}

/** What the coordination command has left running, which ends with the run. */
export function backgroundOf(run: RunContext) {
  const { signal, proceed, clock, settings } = run;
  // The command's process group may be another's by now: only the marker is proof.
  const signalAll = (name: NodeJS.Signals) => {
    const left = processesWithVariable(runMarker, run.order.runId);
    for (const process of left) signalProcess(process, name);
    return left.length;
  };
  const isGone = () => processesWithVariable(runMarker, run.order.runId).length === 0;
  return {
    /** Resolves as well when the run is to end. */
    async untilAllAreCoordinated(): Promise<void> {
      await aborted(AbortSignal.any([signal, proceed]));
    },
    async [Symbol.asyncDispose](): Promise<void> {
      if (run.order.container) return run.containers.instances.end(endOfContainer(run));
      if (signalAll("SIGTERM") === 0) return;
      if (await waitUntil(isGone, { clock, timeoutMilliseconds: 1_000 * settings.killGraceSeconds })) return;
      await waitUntil(() => signalAll("SIGKILL") === 0, { clock, timeoutMilliseconds: 5_000 });
    },
  };
}
