import { type Clock, type Log, processesWithVariable, signalProcess } from "@kyanite/runtime";
import { runMarker } from "./environment.ts";
import type { Journal, JournalContents } from "./journal.ts";
import { killFamily } from "./process.ts";

/** Ends what an agent that was killed has left running: those runs are the service's to place again. */
export async function killLeftovers(
  { contents, ...journal }: Journal & { readonly contents: JournalContents },
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<void> {
  for (const { runId, leader } of contents.running) {
    // Without its leader the number of a group proves nothing; the marker does.
    if (leader) await killFamily({ runId, group: leader.pid, first: leader.pid, since: new Date(0) }, clock);
    for (const process of processesWithVariable(runMarker, runId)) signalProcess(process, "SIGKILL");
    journal.forget(runId);
    log.info("leftover run ended", { runId });
  }
}
