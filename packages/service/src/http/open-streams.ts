import { setMaxListeners } from "node:events";
import { BatchError } from "@kyanite/contract";
import type { Clock } from "@kyanite/runtime";

/** Why the server ends a stream that could go on. */
export type StreamEnd = "serverStopping" | "notPermitted";

/** An answer that goes on for as long as there is something to tell. */
export interface OpenStream {
  /** Aborts when the client has gone, and when the server ends the stream. */
  readonly signal: AbortSignal;
  /** Why the server ends it. */
  readonly end: StreamEnd | undefined;
  close(): void;
}

interface Caller {
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Whether the credential of the request is still good. */
  readonly isPermitted: () => Promise<boolean>;
}

interface Entry {
  readonly caller: Caller;
  readonly controller: AbortController;
  end: StreamEnd | undefined;
}

/** How often credentials are looked at again. */
const permissionMilliseconds = 30_000;

/** The streams that clients read from this server, which has to end them. */
export class OpenStreams {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #streams = new Set<Entry>();
  readonly #stopping = new AbortController();
  #isChecking = false;

  constructor(clock: Clock, most = 10_000) {
    this.#clock = clock;
    this.#most = most;
  }

  /** @throws BatchError ServerBusy when there are too many, or the server is stopping */
  open(caller: Caller): OpenStream {
    if (this.#stopping.signal.aborted || this.#streams.size >= this.#most)
      throw new BatchError("ServerBusy", { Reason: "The server has no room for another stream" });
    const controller = new AbortController();
    // A stream may wait for many things, such as each file of each task of a job.
    setMaxListeners(0, controller.signal);
    const entry: Entry = { caller, controller, end: undefined };
    const leave = () => controller.abort();
    caller.signal.addEventListener("abort", leave, { once: true });
    if (caller.signal.aborted) leave();
    this.#streams.add(entry);
    void this.#check();
    return {
      signal: controller.signal,
      get end() {
        return entry.end;
      },
      close: () => {
        this.#streams.delete(entry);
        caller.signal.removeEventListener("abort", leave);
        leave();
      },
    };
  }

  /** Ends all streams; whoever reads them is told, and can go on at another server. */
  stop(): void {
    this.#stopping.abort();
    for (const entry of this.#streams) endStream(entry, "serverStopping");
  }

  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    while (this.#streams.size > 0 && !this.#stopping.signal.aborted) {
      await this.#clock.sleep(permissionMilliseconds, this.#stopping.signal);
      for (const entry of this.#streams) {
        // While it cannot be told, the stream goes on.
        const isPermitted = await entry.caller.isPermitted().catch(() => true);
        if (!isPermitted) endStream(entry, "notPermitted");
      }
    }
    this.#isChecking = false;
  }
}

function endStream(entry: Entry, reason: StreamEnd): void {
  entry.end ??= reason;
  entry.controller.abort();
}
