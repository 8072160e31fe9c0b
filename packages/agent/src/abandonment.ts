import type { Clock } from "@kyanite/runtime";

export interface AbandonmentOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long a service may be away; 0 is for ever. */
  readonly patienceHours: number;
  isAway(): boolean;
  /** What runs, and what has ended and is still to be reported. */
  held(): { readonly isRunning: boolean; readonly hasReports: boolean };
}

const minute = 60_000;
const minutesPerHour = 60;

/** Ends that nobody has heard of are kept for longer, in case that somebody comes and asks. */
const patienceWithReports = 7;

/**
 * Resolves when the service has been away for so long that nobody will come for this node any more, or when the signal
 * aborts. Never while something runs. Time is counted as it passes here: a wall clock that jumps proves nothing.
 */
export async function untilAbandoned(options: AbandonmentOptions): Promise<"abandoned" | "stopped"> {
  const { clock, signal, patienceHours } = options;
  for (let minutesAway = 0; ; ) {
    await clock.sleep(minute, signal);
    if (signal.aborted) return "stopped";
    minutesAway = options.isAway() ? minutesAway + 1 : 0;
    const { isRunning, hasReports } = options.held();
    const patience = patienceHours * minutesPerHour * (hasReports ? patienceWithReports : 1);
    if (patience > 0 && minutesAway >= patience && !isRunning) return "abandoned";
  }
}
