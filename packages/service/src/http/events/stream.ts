import type { Readable } from "node:stream";
import { BatchError } from "@kyanite/contract";
import { type Clock, streamed } from "@kyanite/runtime";
import { type Cursor, cursorAfterRow, writeCursor } from "../../domain/event/cursor.ts";
import type { EventRow } from "../../domain/event/event.ts";
import { type EventReader, eventsFor } from "../../domain/event/feed-event.ts";
import type { EndReason, Feed, Subscription } from "./feed.ts";

export interface StreamOptions {
  readonly reader: EventReader;
  /** From the present end when absent. */
  readonly from?: Cursor | undefined;
  readonly isPermitted: () => Promise<boolean>;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Whether a credential is still good is asked so often. */
const checkSeconds = 60;

/** The feed from a cursor on as server-sent events. A client that is slow reads what it has missed from the table. */
export async function eventStream(feed: Feed, options: StreamOptions): Promise<Readable> {
  const from = options.from ?? (await feed.end());
  const subscription = await feed.subscribe();
  const stream = streamed(() => messages(feed, subscription, { ...options, from }));
  return stream.once("close", () => subscription[Symbol.dispose]());
}

type Following = StreamOptions & { readonly from: Cursor };

async function* messages(
  feed: Feed,
  subscription: Subscription,
  following: Following,
): AsyncGenerator<Buffer | string> {
  const { reader, isPermitted, signal, clock, from } = following;
  const key = JSON.stringify(reader);
  let cursor = from;
  let isPermittedUntil = clock.elapsed() + checkSeconds * 1000;
  yield `retry: 2000\nid: ${writeCursor(cursor)}\n\n`;
  while (!signal.aborted) {
    if (subscription.end) return yield endMessage(subscription.end, cursor);
    try {
      if (clock.elapsed() > isPermittedUntil) {
        if (!(await isPermitted())) return yield endMessage("notPermitted", cursor);
        isPermittedUntil = clock.elapsed() + checkSeconds * 1000;
      }
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
