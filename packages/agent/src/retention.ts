import { appendFile } from "node:fs/promises";
import { type Clock, type Log, readTextIfExists, writeFileAtomically } from "@kyanite/runtime";

/** When directories of ended runs are to be removed; kept on disk, so that it survives a restart. */
export interface Retention {
  /** Replaces an earlier time; undefined keeps the directory for ever. */
  set(directory: string, expires: Date | undefined): Promise<void>;
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

/** The file is a list of changes, one JSON line each, shortened at every start: a change costs one line. */
export async function openRetention({ file, clock, log, remove }: RetentionOptions): Promise<Retention> {
  const expiries = parseTimetable((await readTextIfExists(file)) ?? "");
  const lines = [...expiries].map(([directory, time]) => line(directory, time));
  await writeFileAtomically(file, lines.join(""));
  let wake = new AbortController();
  const set = async (directory: string, expires: Date | undefined) => {
    if (expires === undefined ? !expiries.delete(directory) : false) return;
    if (expires) expiries.set(directory, expires.getTime());
    await appendFile(file, line(directory, expires?.getTime()));
    wake.abort();
  };
  const removeDue = async () => {
    const now = clock.now().getTime();
    for (const [directory, time] of expiries) {
      if (time > now) continue;
      await set(directory, undefined);
      await remove(directory);
      log.info("retention over", { directory });
    }
  };
  const run = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      await removeDue().catch((cause: unknown) => log.warn("directory not removed", { cause }));
      const next = Math.min(...expiries.values()) - clock.now().getTime();
      wake = new AbortController();
      await clock.sleep(Math.max(0, Math.min(next, longestPause)), AbortSignal.any([signal, wake.signal]));
    }
  };
  return { set, run };
}

const line = (directory: string, time: number | undefined) => `${JSON.stringify([directory, time ?? null])}\n`;

/** The last line for a directory counts. A line that was cut off by a crash is passed over. */
export function parseTimetable(text: string): Map<string, number> {
  const expiries = new Map<string, number>();
  for (const each of text.split("\n")) {
    const [directory, time] = parseLine(each);
    if (typeof directory !== "string") continue;
    if (typeof time === "number") expiries.set(directory, time);
    else expiries.delete(directory);
  }
  return expiries;
}

function parseLine(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
