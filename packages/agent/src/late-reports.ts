import type { AgentReport } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";

/** What clients see of a run while it goes on; the report of its end says it, too. */
export type LateReport = Extract<AgentReport, { type: "started" | "contained" }>;

export interface LateReports {
  /** Resolves when nothing waits any more. */
  add(report: LateReport): Promise<void>;
  /** The run has ended. */
  forget(runId: string): void;
}

interface Means {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Long enough for short runs to end first: of a container of half a second the service would have to write three times
 * what is of no use a moment later.
 */
const delays = { started: 300, contained: 1_000 } as const;

/** Reports a little later, of the runs that still go on by then, and of each what was said last. */
export function openLateReports(send: (report: LateReport) => void, means: Means): LateReports {
  const gathered = {
    started: gather(send, delays.started, means),
    contained: gather(send, delays.contained, means),
  };
  return {
    add: (report) => gathered[report.type].add(report),
    forget(runId) {
      gathered.started.forget(runId);
      gathered.contained.forget(runId);
    },
  };
}

/** Those that become due within so many milliseconds are sent together. */
const shortestPause = 100;

function gather(send: (report: LateReport) => void, delay: number, { clock, signal }: Means): LateReports {
  /** By run, the longest waiting first. */
  const waiting = new Map<string, { readonly report: LateReport; readonly due: number }>();
  let sending: Promise<void> | undefined;
  const sendAll = async () => {
    for (let oldest = first(waiting); oldest !== undefined && !signal.aborted; oldest = first(waiting)) {
      await clock.sleep(Math.max(oldest.due - clock.elapsed(), shortestPause), signal);
      const now = clock.elapsed();
      for (const [runId, { report, due }] of waiting) {
        if (due > now) break;
        waiting.delete(runId);
        send(report);
      }
    }
    sending = undefined;
  };
  return {
    add(report) {
      const due = waiting.get(report.runId)?.due ?? clock.elapsed() + delay;
      waiting.set(report.runId, { report, due });
      sending ??= sendAll();
      return sending;
    },
    forget: (runId) => void waiting.delete(runId),
  };
}

function first<Value>(map: ReadonlyMap<string, Value>): Value | undefined {
  return map.values().next().value;
}
