import { setMaxListeners } from "node:events";
import { everyLoop, type LoopParts } from "../loops/every-loop.ts";
import { Leadership } from "../loops/leadership.ts";
import { runLoop } from "../loops/loop.ts";
import type { Metrics } from "../metrics.ts";
import { type DatabaseAddress, openDatabase } from "../store/database.ts";

export interface LoopMeans extends LoopParts {
  readonly address: DatabaseAddress;
  readonly onRound: Metrics["onRound"];
}

export interface Loops {
  /** Aborts when they are to stop. */
  readonly stopping: AbortSignal;
  /** Lets the rounds that are under way end. */
  stop(): Promise<void>;
  /** Lets go of what other servers are to lead. */
  close(): Promise<void>;
}

/** Starts all that goes on by itself, wherever this server leads it. */
export function startLoops({ address, onRound, ...parts }: LoopMeans): Loops {
  const { database, clock, log } = parts;
  const leadership = new Leadership(
    (onClose) => openDatabase({ ...address, maxConnections: 1, hasNoArrays: true, onClose }),
    log,
  );
  const stopping = new AbortController();
  // Each loop listens to it, and there are more of them than Node takes for granted.
  setMaxListeners(100, stopping.signal);
  const host = { database, leadership, onRound, clock, log };
  const loops = everyLoop(parts).map((loop) => runLoop(loop, host, stopping.signal));
  return {
    stopping: stopping.signal,
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
    close: () => leadership.close(),
  };
}
