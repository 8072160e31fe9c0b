import { setMaxListeners } from "node:events";
import type { Readable } from "node:stream";
import { BatchError } from "@kyanite/contract";
import { type Clock, streamed } from "@kyanite/runtime";
import type { LogPiece, StreamEnd } from "./piece.ts";

/** A stream of logs that a client reads. */
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

const mostStreams = 10_000;
/** How often credentials are looked at again. */
const permissionMilliseconds = 30_000;

/** The streams of logs of this server: each goes on until its task is over, so the server has to end what is left. */
export class OpenStreams {
  readonly #clock: Clock;
  readonly #streams = new Set<Entry>();
  readonly #stopping = new AbortController();
  #isChecking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws BatchError ServerBusy when there are too many, or the server is stopping */
  open(caller: Caller): OpenStream {
    if (this.#stopping.signal.aborted || this.#streams.size >= mostStreams)
      throw new BatchError("ServerBusy", { Reason: "The server has no room for another stream of logs" });
    const controller = new AbortController();
    // Each file of each task that is open waits for it.
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
        if (!isPermitted) endStream(entry, "credentialGone");
      }
    }
    this.#isChecking = false;
  }
}

function endStream(entry: Entry, reason: StreamEnd): void {
  entry.end ??= reason;
  entry.controller.abort();
}

type LogPieces = AsyncGenerator<LogPiece, void>;

/**
 * The body of an answer that is made of a stream's pieces.
 * @throws BatchError what the first piece would have been
 */
export async function logBody(
  stream: OpenStream,
  pieces: LogPieces,
  write: (pieces: LogPieces) => AsyncGenerator<Uint8Array | string>,
): Promise<Readable> {
  try {
    const first = await pieces.next();
    const body = streamed(() => write(withEnd(stream, first, pieces)));
    return body.once("close", () => stream.close());
  } catch (cause) {
    stream.close();
    throw cause;
  }
}

/** The pieces, and the reason why the server ends them where it does. */
async function* withEnd(stream: OpenStream, first: IteratorResult<LogPiece, void>, rest: LogPieces): LogPieces {
  if (!first.done) yield first.value;
  yield* rest;
  if (stream.end !== undefined) yield { kind: "end", reason: stream.end };
}
