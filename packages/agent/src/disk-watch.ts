import type { AgentReport } from "@kyanite/contract";
import type { Clock, Log } from "@kyanite/runtime";
import { diskFull, type StepFailure } from "./failure.ts";
import { freeDiskBytes } from "./sample.ts";

interface DiskWatchOptions {
  readonly root: string;
  readonly reservedDiskBytes: number;
  readonly clock: Clock;
  readonly log: Log;
  send(report: AgentReport): void;
  /** Called again and again while the disk is full, with what has to be said of runs that end for it. */
  onFull(failure: StepFailure): void;
}

export interface DiskWatch {
  /** What was reported of the disk may have been lost, or the node has begun anew: it is reported again. */
  forget(): void;
  /** Looks again and again until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

const pause = 1_000;

/** Looks at the disk, whether or not there is a link: when it has become full, or has room again, that is reported once. */
export function openDiskWatch(options: DiskWatchOptions): DiskWatch {
  const { root, reservedDiskBytes, clock, log, send } = options;
  /** Undefined while the service may believe otherwise than we. */
  let wasFull: boolean | undefined;
  const look = async () => {
    const failure = diskFull();
    const isFull = (await freeDiskBytes(root)) < (wasFull ? 2 : 1) * reservedDiskBytes;
    if (isFull && !wasFull) send({ type: "nodeError", failure: failure.failure });
    if (!isFull && wasFull !== false) send({ type: "nodeRecovered", code: failure.failure.code });
    wasFull = isFull;
    if (isFull) options.onFull(failure);
  };
  return {
    forget: () => {
      wasFull = undefined;
    },
    async run(signal) {
      while (!signal.aborted) {
        await look().catch((cause: unknown) => log.warn("disk not looked at", { cause }));
        await clock.sleep(pause, signal);
      }
    },
  };
}
