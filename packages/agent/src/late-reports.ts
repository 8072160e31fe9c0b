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

/**
 * Long enough for short runs to end first: of a container of half a second the service would have to write four times
 * what is of no use a moment later.
 */
const delayMilliseconds = 1_000;
/** Those that become due within so many milliseconds are sent together. */
const shortestPause = 100;

/** Reports a little later, of the runs that still go on by then, and of each what was said last. */
export function openLateReports(
  send: (report: LateReport) => void,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): LateReports {
  /** The longest waiting first. */
  const waiting = new Map<string, { readonly report: LateReport; readonly due: number }>();
  let sending: Promise<void> | undefined;
  const sendDue = () => {
    for (const [key, { report, due }] of waiting) {
      if (due > clock.elapsed()) return;
      waiting.delete(key);
      send(report);
    }
  };
  const sendAll = async () => {
    for (let oldest = firstOf(waiting); oldest !== undefined && !signal.aborted; oldest = firstOf(waiting)) {
      await clock.sleep(Math.max(oldest.due - clock.elapsed(), shortestPause), signal);
      sendDue();
    }
    sending = undefined;
  };
  return {
    add(report) {
      const key = keyOf(report.type, report.runId);
      const due = waiting.get(key)?.due ?? clock.elapsed() + delayMilliseconds;
      waiting.set(key, { report, due });
      sending ??= sendAll();
      return sending;
    },
    forget(runId) {
      for (const type of ["started", "contained"] as const) waiting.delete(keyOf(type, runId));
    },
  };
}

const keyOf = (type: LateReport["type"], runId: string) => `${type} ${runId}`;

const firstOf = <Value>(map: ReadonlyMap<string, Value>): Value | undefined => map.values().next().value;
