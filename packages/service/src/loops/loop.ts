import type { Clock, Log } from "@kyanite/runtime";
import { type Database, isDatabaseAway } from "../store/database.ts";
import { listen, type Notice } from "../store/notices.ts";
import type { Leadership } from "./leadership.ts";

/** Compares what is with what should be and acts on the difference; takes no input. */
export interface Loop {
  readonly name: string;
  readonly everySeconds: number;
  /** Wakes the loop before its time. */
  readonly notice?: Notice;
  /** How long the loop waits after a notice for more of them, in milliseconds: for what is cheaper done together. */
  readonly gatherMilliseconds?: number;
  /** One round; answers whether there is more to do at once. */
  readonly round: (now: Date) => Promise<boolean>;
  /** Ends what rounds have begun and not waited for. */
  readonly stop?: () => Promise<void>;
}

export interface LoopHost {
  readonly database: Database;
  readonly leadership: Leadership;
  /** Told of each round that this server ran. */
  readonly onRound: (loop: string, outcome: "done" | "failed", seconds: number) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Runs a loop until `signal` aborts, while this server leads it; resolves when its last round has ended. */
export async function runLoop(loop: Loop, host: LoopHost, signal: AbortSignal): Promise<void> {
  let wake = new AbortController();
  const unlisten =
    loop.notice === undefined ? undefined : await listen(host.database, loop.notice, () => wake.abort("woken"));
  signal.addEventListener("abort", () => wake.abort("woken"), { once: true });
  while (!signal.aborted) {
    wake = new AbortController();
    const hasMore = await attempt(loop, host);
    if (hasMore || signal.aborted) continue;
    await host.clock.sleep(loop.everySeconds * 1000, wake.signal);
    if (loop.gatherMilliseconds) await host.clock.sleep(loop.gatherMilliseconds, signal);
  }
  await unlisten?.().catch(() => {});
  await loop.stop?.();
}

async function attempt(loop: Loop, { leadership, onRound, clock, log }: LoopHost): Promise<boolean> {
  const begun = performance.now();
  const seconds = () => (performance.now() - begun) / 1000;
  try {
    if (!(await leadership.holds(loop.name))) return false;
    const hasMore = await loop.round(clock.now());
    onRound(loop.name, "done", seconds());
    return hasMore;
  } catch (cause) {
    onRound(loop.name, "failed", seconds());
    if (isDatabaseAway(cause)) log.warn("database away", { loop: loop.name });
    else log.error("loop failed", { loop: loop.name, cause });
    await clock.sleep(500);
    return false;
  }
}
