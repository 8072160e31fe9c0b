import type { SentEvent } from "./event-stream.ts";
import { RequestError } from "./request-error.ts";
import { messagesIn } from "./server-sent-events.ts";

export interface FollowOptions {
  /** The last event that is known. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether an event is the last of all, and not only of a stream that goes on elsewhere. */
  readonly isLast: (event: SentEvent) => boolean;
}

const longestPause = 30_000;

/**
 * Events as they come. When the stream ends or breaks, it goes on after the last event that was read, so that none is
 * missing and none comes twice. It ends with an error only when trying again would not help: see {@link isFinal}.
 * @param open begins a stream after the last event that is known, if there is one
 */
export async function* followed<Data>(
  open: (after: string | undefined) => Promise<AsyncIterable<Uint8Array>>,
  { after, signal, isLast }: FollowOptions,
): AsyncGenerator<SentEvent<Data>, void> {
  let cursor = after;
  for (let pause = 500; ; pause = Math.min(longestPause, 2 * pause)) {
    try {
      for await (const { id, event, data } of messagesIn(await open(cursor))) {
        pause = 500;
        cursor = id ?? cursor;
        if (data === "") continue;
        const sent: SentEvent<Data> = { event, id, data: JSON.parse(data) };
        yield sent;
        if (isLast(sent)) return;
      }
    } catch (cause) {
      if (signal?.aborted || isFinal(cause)) throw cause;
    }
    await sleep(pause, signal);
  }
}

/** Whether a refusal stays one: the credential is not good, or events after the cursor are not kept any more. */
function isFinal(cause: unknown): boolean {
  return cause instanceof RequestError && cause.status < 500 && cause.status !== 429;
}

/** Rejects with the reason of the signal when that aborts. */
function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
