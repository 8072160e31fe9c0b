import type { Readable } from "node:stream";
import { BatchError } from "@kyanite/contract";
import { type Clock, streamed } from "@kyanite/runtime";
import { type Cursor, cursorAfterRow, writeCursor } from "../../domain/event/cursor.ts";
import type { EventRow } from "../../domain/event/event.ts";
import { type EventReader, eventsFor } from "../../domain/event/feed-event.ts";
import type { OpenStream, StreamEnd } from "../open-streams.ts";
import type { Feed, Subscription } from "./feed.ts";

export interface StreamOptions {
  readonly reader: EventReader;
  /** From the present end when absent. */
  readonly from?: Cursor | undefined;
  readonly clock: Clock;
}

/** Why the server ends a stream of events. */
type EndReason = StreamEnd | "slow" | "cursorTooOld" | "unavailable";

/** The feed from a cursor on as server-sent events. A client that is slow reads what it has missed from the table. */
export async function eventStream(feed: Feed, stream: OpenStream, options: StreamOptions): Promise<Readable> {
  try {
    const from = options.from ?? (await feed.end());
    const subscription = await feed.subscribe();
    return streamed(() => messages(feed, { ...options, from, stream, subscription })).once("close", () => {
      subscription[Symbol.dispose]();
      stream.close();
    });
  } catch (cause) {
    stream.close();
    throw cause;
  }
}

interface Following extends StreamOptions {
  readonly from: Cursor;
  readonly stream: OpenStream;
  readonly subscription: Subscription;
}

async function* messages(
  feed: Feed,
  { reader, clock, from, stream, subscription }: Following,
): AsyncGenerator<Buffer | string> {
  const key = JSON.stringify(reader);
  let cursor = from;
  yield `retry: 2000\nid: ${writeCursor(cursor)}\n\n`;
  while (!stream.signal.aborted) {
    if (subscription.isSlow) return yield endMessage("slow", cursor);
    try {
      const rows = await feed.after(cursor);
      const last = rows.at(-1);
      const text = last
        ? feed.text(`${key} ${writeCursor(cursor)} ${last.position}`, last.position, () =>
            eventMessages(rows, reader, cursor),
          )
        : `:\nid: ${writeCursor(cursor)}\n\n`;
      if (last) cursor = cursorAfterRow(last.position);
      if (text.length === 0) continue;
      subscription.offeredAt = clock.elapsed();
      yield text;
      subscription.offeredAt = undefined;
    } catch (cause) {
      return yield endMessage(reasonOf(cause), cursor);
    }
  }
  if (stream.end) yield endMessage(stream.end, cursor);
}

function eventMessages(rows: readonly EventRow[], reader: EventReader, cursor: Cursor): string {
  const events = rows.flatMap((row) => eventsFor(row, reader, cursor));
  return events.map((event) => `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}

const reasonOf = (cause: unknown): EndReason =>
  cause instanceof BatchError && cause.code === "EventCursorTooOld" ? "cursorTooOld" : "unavailable";

/** The last event of a stream that the server ends. */
const endMessage = (reason: EndReason, cursor: Cursor) =>
  `id: ${writeCursor(cursor)}\nevent: end\ndata: ${JSON.stringify({ reason })}\n\n`;
