import type { Clock, Log } from "@kyanite/runtime";
import { isDiskFullError } from "./failure.ts";
import { openLedger, readLedger } from "./ledger.ts";

/** When directories of ended runs are to be removed; kept on disk, so that it survives a restart. */
export interface Retention {
  /** Replaces an earlier time; undefined keeps the directory for ever. */
  set(directory: string, expires: Date | undefined): void;
  /** The directory is removed, and whatever is below it. */
  forget(directory: string): void;
  /** Removes what is due, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

interface RetentionOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
  remove(directory: string): Promise<void>;
}

/** So that a clock that is set forward is noticed soon. */
const longestPause = 15_000;

export async function openRetention({ file, clock, log, remove }: RetentionOptions): Promise<Retention> {
  const expiries = timetable(await readLedger(file));
  const ledger = openLedger({ file, current: () => [...expiries] });
  let wake = new AbortController();
  /** When directories are looked at next: whatever is due earlier wakes us. */
  let nextLook = 0;
  /** What a full disk does not take is known here until it does. */
  const note = (entry: unknown) => {
    try {
      ledger.append(entry);
    } catch (cause) {
      if (!isDiskFullError(cause)) throw cause;
      log.warn("retention not kept", { cause });
    }
  };
  const set = (directory: string, expires: Date | undefined) => {
    if (expires === undefined && !expiries.delete(directory)) return;
    if (expires) expiries.set(directory, expires.getTime());
    note([directory, expires?.getTime() ?? null]);
    if (expires && expires.getTime() < nextLook) wake.abort();
  };
  const forget = (directory: string) => {
    if (dropBelow(expiries, directory)) note([directory, null]);
  };
  const removeDue = async () => {
    const now = clock.now().getTime();
    for (const [directory, time] of expiries) {
      if (time > now) continue;
      try {
        await remove(directory);
        if (expiries.get(directory) === time) set(directory, undefined);
        log.info("retention over", { directory });
      } catch (cause) {
        log.warn("directory not removed", { directory, cause });
        if (expiries.has(directory)) expiries.set(directory, now + longestPause);
      }
    }
  };
  const run = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      await removeDue();
      const now = clock.now().getTime();
      nextLook = now + longestPause;
      for (const time of expiries.values()) nextLook = Math.min(nextLook, time);
      wake = new AbortController();
      await clock.sleep(Math.max(0, nextLook - now), AbortSignal.any([signal, wake.signal]));
    }
    ledger.close();
  };
  return { set, forget, run };
}

/** The last entry for a directory counts. One without a time is for all that is below the directory as well. */
export function timetable(entries: readonly unknown[]): Map<string, number> {
  const expiries = new Map<string, number>();
  for (const entry of entries) {
    const [directory, time]: readonly unknown[] = Array.isArray(entry) ? entry : [];
    if (typeof directory !== "string") continue;
    if (typeof time === "number") expiries.set(directory, time);
    else dropBelow(expiries, directory);
  }
  return expiries;
}

/** A directory of a task has nothing below it; that of a job has many. Answers whether there was any. */
function dropBelow(expiries: Map<string, number>, directory: string): boolean {
  if (expiries.delete(directory)) return true;
  const below = [...expiries.keys()].filter((each) => each.startsWith(`${directory}/`));
  for (const each of below) expiries.delete(each);
  return below.length > 0;
}
