import type { FeedEvent } from "@kyanite/contract";
import { type Cursor, cursorAfterRow, parseCursor } from "../domain/event/cursor.ts";
import { type EventReader, eventsFor } from "../domain/event/feed-event.ts";
import type { ReadRows } from "./recent-rows.ts";

const rowsAtOnce = 50;

/** A page ends after so many rows, however few of their events are wanted. */
const mostRows = 1_000;

export interface EventPage {
  readonly items: readonly FeedEvent[];
  /** Up to where it has read. */
  readonly end: Cursor;
  /** Whether there may be more behind it. */
  readonly hasMore: boolean;
}

/** The next events that a reader wants; an empty page may be followed by others. */
export async function readEventPage(
  readRows: ReadRows,
  reader: EventReader,
  { from, limit }: { readonly from: Cursor; readonly limit: number },
): Promise<EventPage> {
  const items: FeedEvent[] = [];
  let end = from;
  for (let looked = 0; looked < mostRows; looked += rowsAtOnce) {
    const rows = await readRows(end, rowsAtOnce);
    for (const row of rows) {
      items.push(...eventsFor(row, reader, end));
      if (items.length >= limit) return full(items, limit, row.position);
      end = cursorAfterRow(row.position);
    }
    if (rows.length < rowsAtOnce) return { items, end, hasMore: false };
  }
  return { items, end, hasMore: true };
}

/** What does not fit any more is on the next page, if there is any. */
function full(items: readonly FeedEvent[], limit: number, position: number): EventPage {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  const cut = last && items.length > limit ? parseCursor(last.id) : undefined;
  return { items: shown, end: cut ?? cursorAfterRow(position), hasMore: true };
}
