import type { FeedEvent } from "@kyanite/contract";
import { type Cursor, cursorAfterRow, parseCursor, writeCursor } from "../../domain/event/cursor.ts";
import { type EventReader, eventsFor } from "../../domain/event/feed-event.ts";
import type { Sql } from "../../store/database.ts";
import type { Page } from "../handler.ts";
import { readRowsAfter } from "./reading.ts";

const rowsAtOnce = 50;

/** A page ends after so many rows, however few of their events are wanted. */
const mostRows = 1_000;

/** The next events that a reader wants; an empty page may be followed by others. */
export async function readEventPage(
  sql: Sql,
  reader: EventReader,
  { from, limit }: { readonly from: Cursor; readonly limit: number },
): Promise<Page<FeedEvent>> {
  const items: FeedEvent[] = [];
  let cursor = from;
  for (let looked = 0; looked < mostRows; looked += rowsAtOnce) {
    const rows = await readRowsAfter(sql, cursor, rowsAtOnce);
    for (const row of rows) {
      items.push(...eventsFor(row, reader, cursor));
      if (items.length >= limit) return full(items, limit, row.position);
      cursor = cursorAfterRow(row.position);
    }
    if (rows.length < rowsAtOnce) return { items, cursor: writeCursor(cursor) };
  }
  return { items, next: writeCursor(cursor) };
}

/** What does not fit any more is on the next page, if there is any. */
function full(items: readonly FeedEvent[], limit: number, position: number): Page<FeedEvent> {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  const next = last && items.length > limit ? parseCursor(last.id) : cursorAfterRow(position);
  return { items: shown, next: writeCursor(next ?? cursorAfterRow(position)) };
}
