import type { AgentReport, RunOrder } from "@kyanite/contract";
import type { ExecutionRecord } from "./executors/executor.ts";
import { isDiskFullError } from "./failure.ts";
import { openLedger, readLedger } from "./ledger.ts";
import type { CommandEnd } from "./steps/command.ts";

export type FinishedReport = Extract<AgentReport, { type: "finished" }>;

/** How far a run has come, so that another agent can go on with it. */
export interface Progress {
  /** The command that was started last. */
  readonly coordination?: ExecutionRecord;
  readonly isCoordinated?: true;
  readonly command?: ExecutionRecord;
  /** Its end, when there is still something to do afterwards. */
  readonly end?: Omit<CommandEnd, "environment">;
}

/** A run of which a command had been started when its agent was killed. */
export interface InterruptedRun {
  readonly order: RunOrder;
  readonly startTime: string;
  readonly progress: Progress;
}

/**
 * The runs that this node holds, so that another agent can report what had finished when this one was killed, and go on
 * with what was running.
 */
export interface Journal {
  /** How a run goes on. Before its first command there is nothing to keep: it is ordered anew, and loses no work. */
  keepProgress(run: Omit<InterruptedRun, "progress">, progress: Progress): void;
  keepFinished(report: FinishedReport): void;
  forget(runId: string): void;
  close(): void;
}

export interface JournalContents {
  readonly finished: readonly FinishedReport[];
  readonly interrupted: readonly InterruptedRun[];
}

/** One change of a run. */
type Entry =
  | ({ readonly runId: string; readonly phase: "running" } & InterruptedRun)
  | { readonly runId: string; readonly phase: "progress"; readonly progress: Progress }
  | { readonly runId: string; readonly phase: "finished"; readonly report: FinishedReport }
  | { readonly runId: string; readonly phase: "forgotten" };

/** What a run is after all of its changes. */
type Held = Exclude<Entry, { readonly phase: "progress" | "forgotten" }>;

export async function openJournal(file: string): Promise<Journal & { readonly contents: JournalContents }> {
  const held = new Map<string, Held>();
  const keep = (entry: Entry) => {
    const { runId } = entry;
    const before = held.get(runId);
    if (entry.phase === "forgotten") held.delete(runId);
    else if (entry.phase !== "progress") held.set(runId, entry);
    else if (before?.phase === "running")
      held.set(runId, { ...before, progress: { ...before.progress, ...entry.progress } });
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
    keepProgress(run, progress) {
      const { runId } = run.order;
      if (held.get(runId)?.phase === "running") change({ runId, phase: "progress", progress });
      else change({ runId, phase: "running", ...run, progress });
    },
    keepFinished: (report) => change({ runId: report.runId, phase: "finished", report }),
    forget(runId) {
      try {
        change({ runId, phase: "forgotten" });
      } catch (error) {
        // To hear of it again after a restart does no harm.
        if (!isDiskFullError(error)) throw error;
      }
    },
    close: () => ledger.close(),
  };
}

function contentsOf(entries: readonly Held[]): JournalContents {
  return {
    finished: entries.flatMap((entry) => (entry.phase === "finished" ? [entry.report] : [])),
    interrupted: entries.flatMap((entry) => (entry.phase === "running" ? [entry] : [])),
  };
}

/** We wrote it ourselves, whole; so the kind is all there is to check. */
const isEntry = (entry: unknown): entry is Entry =>
  typeof entry === "object" && entry !== null && "runId" in entry && "phase" in entry;
