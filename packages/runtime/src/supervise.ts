import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import { isRunning, type ProcessRecord } from "./processes.ts";

/** A process of ours that others rely on. */
export interface Restartable {
  /** The one that runs, or ran last. */
  readonly process: ProcessRecord;
  /** Starts it anew at the same address after it has ended; resolves when it answers. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface Supervision {
  /** Whether it runs and answers, as far as we have noticed. */
  isUp(): boolean;
  /** Ends the supervision, then the process. */
  stop(): Promise<void>;
}

export interface SuperviseOptions {
  /** How the log calls it. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
}

const noticedWithinMilliseconds = 200;
const shortLifeMilliseconds = 10_000;
const longestPauseMilliseconds = 30_000;

/**
 * Starts a process again whenever it has ended, however it did. One that ends at once, again and again, is started ever
 * more seldom, and that is logged once.
 */
export function supervise(part: Restartable, { name, clock, log }: SuperviseOptions): Supervision {
  const stopping = new AbortController();
  const state = { isUp: true };
  const supervision = keepRunning(part, { name, clock, log, state, signal: stopping.signal });
  return {
    isUp: () => state.isUp && isRunning(part.process),
    stop: async () => {
      stopping.abort();
      await supervision;
      await part.stop();
    },
  };
}

interface Keeping extends SuperviseOptions {
  readonly state: { isUp: boolean };
  readonly signal: AbortSignal;
}

async function keepRunning(part: Restartable, { name, clock, log, state, signal }: Keeping): Promise<void> {
  for (let failures = 0; ; ) {
    const startedAt = clock.elapsed();
    while (isRunning(part.process) && !signal.aborted) {
      await clock.sleep(noticedWithinMilliseconds, signal);
      if (failures === 0 || clock.elapsed() - startedAt < shortLifeMilliseconds) continue;
      if (failures > 2) log.info(`${name} is back`, { pid: part.process.pid });
      failures = 0;
    }
    state.isUp = false;
    if (!signal.aborted) await clock.sleep(pauseAfter(failures), signal);
    if (signal.aborted) return;
    if (failures === 0) log.warn(`${name} ended; it is started again`, { pid: part.process.pid });
    if (failures === 2) log.warn(`${name} ends again and again`, { pid: part.process.pid });
    try {
      await part.restart();
      state.isUp = true;
      if (failures === 0) log.info(`${name} is back`, { pid: part.process.pid });
    } catch (cause) {
      if (failures === 0) log.error(`${name} does not start; it is tried again`, { cause });
    }
    failures += 1;
  }
}

/** Nothing the first time, then a quarter of a second, which doubles. */
const pauseAfter = (failures: number) =>
  failures === 0 ? 0 : Math.min(125 * 2 ** Math.min(failures, 10), longestPauseMilliseconds);
