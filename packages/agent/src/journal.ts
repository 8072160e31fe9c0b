import type { AgentReport } from "@kyanite/contract";
import { isRunning, type ProcessRecord } from "@kyanite/runtime";
import { openLedger, readLedger } from "./ledger.ts";

export type FinishedReport = Extract<AgentReport, { type: "finished" }>;

/**
 * The runs that this node holds, so that an agent that was killed can still report what had finished, and end what it
 * left running. After a crash of the machine itself nothing runs any more, and the service requeues.
 */
export interface Journal {
  /** Before the command starts there is no process yet. */
  keepRunning(runId: string, leader?: ProcessRecord): void;
  keepFinished(report: FinishedReport): void;
  forget(runId: string): void;
  close(): void;
}

export interface JournalContents {
  readonly finished: readonly FinishedReport[];
  readonly running: readonly { readonly runId: string; readonly leader: ProcessRecord | undefined }[];
}

/** One change of a run. */
type Entry =
  | { readonly runId: string; readonly phase: "running"; readonly leader: ProcessRecord | null }
  | { readonly runId: string; readonly phase: "finished"; readonly report: FinishedReport }
  | { readonly runId: string; readonly phase: "forgotten" };

export async function openJournal(file: string): Promise<Journal & { readonly contents: JournalContents }> {
  const held = new Map<string, Entry>();
  const keep = (entry: Entry) => {
    if (entry.phase === "forgotten") held.delete(entry.runId);
    else held.set(entry.runId, entry);
  };
  for (const entry of await readLedger(file)) if (isEntry(entry)) keep(entry);
  const contents = contentsOf([...held.values()]);
  const ledger = openLedger({ file, current: () => [...held.values()] });
  const change = (entry: Entry) => {
    keep(entry);
    ledger.append(entry);
  };
  return {
    contents,
    keepRunning: (runId, leader) => change({ runId, phase: "running", leader: leader ?? null }),
    keepFinished: (report) => change({ runId: report.runId, phase: "finished", report }),
    forget: (runId) => change({ runId, phase: "forgotten" }),
    close: () => ledger.close(),
  };
}

function contentsOf(entries: readonly Entry[]): JournalContents {
  return {
    finished: entries.flatMap((entry) => (entry.phase === "finished" ? [entry.report] : [])),
    running: entries.flatMap((entry) => {
      if (entry.phase !== "running") return [];
      const { runId, leader } = entry;
      return [{ runId, leader: leader && isRunning(leader) ? leader : undefined }];
    }),
  };
}

/** We wrote it ourselves, whole; so the kind is all there is to check. */
const isEntry = (entry: unknown): entry is Entry =>
  typeof entry === "object" && entry !== null && "runId" in entry && "phase" in entry;
