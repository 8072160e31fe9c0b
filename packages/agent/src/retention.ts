import type { Clock, Log } from "@kyanite/runtime";
import { openLedger, readLedger } from "./ledger.ts";

/** When directories of ended runs are to be removed; kept on disk, so that it survives a restart. */
export interface Retention {
  /** Replaces an earlier time; undefined keeps the directory for ever. */
  set(directory: string, expires: Date | undefined): void;
  /** Removes what is due, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

interface RetentionOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
  remove(directory: string): Promise<void>;
}

const longestPause = 60_000;

export async function openRetention({ file, clock, log, remove }: RetentionOptions): Promise<Retention> {
  const expiries = timetable(await readLedger(file));
  const ledger = openLedger({ file, current: () => [...expiries] });
  let wake = new AbortController();
  /** When directories are looked at next: whatever is due earlier wakes us. */
  let nextLook = 0;
  const set = (directory: string, expires: Date | undefined) => {
    if (expires === undefined && !expiries.delete(directory)) return;
    if (expires) expiries.set(directory, expires.getTime());
    ledger.append([directory, expires?.getTime() ?? null]);
    if (expires && expires.getTime() < nextLook) wake.abort();
  };
  const removeDue = async () => {
    const now = clock.now().getTime();
    for (const [directory, time] of expiries) {
      if (time > now) continue;
      set(directory, undefined);
      await remove(directory);
      log.info("retention over", { directory });
    }
  };
  const run = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      await removeDue().catch((cause: unknown) => log.warn("directory not removed", { cause }));
      const now = clock.now().getTime();
      nextLook = now + longestPause;
      for (const time of expiries.values()) nextLook = Math.min(nextLook, time);
      wake = new AbortController();
      await clock.sleep(Math.max(0, nextLook - now), AbortSignal.any([signal, wake.signal]));
    }
    ledger.close();
  };
  return { set, run };
}

/** The last entry for a directory counts. */
export function timetable(entries: readonly unknown[]): Map<string, number> {
  const expiries = new Map<string, number>();
  for (const entry of entries) {
    const [directory, time]: readonly unknown[] = Array.isArray(entry) ? entry : [];
    if (typeof directory !== "string") continue;
    if (typeof time === "number") expiries.set(directory, time);
    else expiries.delete(directory);
  }
  return expiries;
}
