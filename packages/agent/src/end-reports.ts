import type { Clock } from "@kyanite/runtime";
import type { FinishedReport } from "./journal.ts";

export interface EndReports {
  /**
   * @param isBusy whether the node has other runs to go on with: then nobody waits for this report
   * @returns when those that waited together have been sent
   */
  add(report: FinishedReport, isBusy: boolean): Promise<void> | undefined;
}

const gatheringMilliseconds = 10;

/** Reports the ends of runs at once, or a little later and all together: a message costs both sides more than what it says. */
export function openEndReports(
  send: (report: FinishedReport) => void,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): EndReports {
  let waiting: FinishedReport[] = [];
  let sending: Promise<void> | undefined;
  const sendAll = () => {
    for (const report of waiting) send(report);
    waiting = [];
  };
  const sendLater = async () => {
    await clock.sleep(gatheringMilliseconds, signal);
    sending = undefined;
    sendAll();
  };
  return {
    add(report, isBusy) {
      waiting.push(isBusy ? { ...report, isBusy } : report);
      if (!isBusy) return void sendAll();
      sending ??= sendLater();
      return sending;
    },
  };
}
