import { BatchError } from "@kyanite/contract";
import { type Cursor, cursorAfterRow, parseCursor, writeCursor } from "../domain/event/cursor.ts";
import type { EventRow } from "../domain/event/event.ts";
import { after } from "../domain/time.ts";
import type { Sql } from "../store/database.ts";
import { readEventBounds, readEvents, readEventTime } from "../store/events.ts";

/** @throws BatchError for what is no cursor, naming where it was given */
export function readCursor(text: string, place: "after" | "last-event-id"): Cursor {
  const cursor = parseCursor(text);
  if (cursor) return cursor;
  const reason = { Reason: "Expected the id of an event, or a cursor of a page" };
  throw place === "after"
    ? new BatchError("InvalidQueryParameterValue", {
        QueryParameterName: "after",
        QueryParameterValue: text.slice(0, 100),
        ...reason,
      })
    : new BatchError("InvalidHeaderValue", { HeaderName: "Last-Event-ID", HeaderValue: text.slice(0, 100), ...reason });
}

/**
 * The rows after a cursor, none missing.
 * @throws BatchError EventCursorTooOld when some are not kept any more
 */
export async function readRowsAfter(sql: Sql, { position }: Cursor, limit: number): Promise<readonly EventRow[]> {
  const rows = await readEvents(sql, position, limit);
  if (rows[0]?.position === position + 1) return rows;
  await checkKept(sql, position);
  // They have come in the meantime.
  return rows.length === 0 ? rows : readEvents(sql, position, limit);
}

/** @throws BatchError when rows after this one are not kept, or it is one that has never been */
export async function checkKept(sql: Sql, position: number): Promise<void> {
  const { first, last } = await readEventBounds(sql);
  if (position > last)
    throw new BatchError("InvalidQueryParameterValue", {
      QueryParameterName: "after",
      QueryParameterValue: String(position),
      Reason: `The last event is ${last}`,
    });
  if (position + 1 < first)
    throw new BatchError("EventCursorTooOld", { OldestCursor: writeCursor(cursorAfterRow(first - 1)) });
}

/** Clocks of writers may differ by so much, and a row's time is that of its writing, not of its commit. */
const slackSeconds = 60;

/** A cursor before all events from a time on, and not much before it: rows are almost in the order of their times. */
export async function cursorAtTime(sql: Sql, time: Date): Promise<Cursor> {
  const early = after(time, -slackSeconds);
  let { first, last } = await readEventBounds(sql);
  while (first <= last) {
    const middle = Math.floor((first + last) / 2);
    const written = await readEventTime(sql, middle);
    if (written !== undefined && written >= early) last = middle - 1;
    else first = middle + 1;
  }
  return cursorAfterRow(first - 1);
}

/** A cursor before the first event that is kept. */
export async function oldestCursor(sql: Sql): Promise<Cursor> {
  return cursorAfterRow((await readEventBounds(sql)).first - 1);
}
