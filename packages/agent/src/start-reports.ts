import type { AgentReport } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";

type StartedReport = Extract<AgentReport, { type: "started" }>;

export interface StartReports {
  /** Resolves when those that waited together have been sent. */
  add(report: StartedReport): Promise<void>;
  /** The run has ended: the report of that says when it started, too. */
  forget(runId: string): void;
}

/** Long enough for short runs to end first. */
const delayMilliseconds = 300;

/** Reports the starts of runs a little later, all together, and only of those that still go on. */
export function openStartReports(
  send: (report: StartedReport) => void,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): StartReports {
  const waiting = new Map<string, StartedReport>();
  let sending: Promise<void> | undefined;
  const sendLater = async () => {
    await clock.sleep(delayMilliseconds, signal);
    sending = undefined;
    for (const report of waiting.values()) send(report);
    waiting.clear();
  };
  return {
    add(report) {
      waiting.set(report.runId, report);
      sending ??= sendLater();
      return sending;
    },
    forget: (runId) => void waiting.delete(runId),
  };
}
