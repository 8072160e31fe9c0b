import type { FeedEvent } from "@kyanite/contract";
import { type Cursor, eventId } from "./cursor.ts";
import type { EventRow, ExpandedEvent } from "./event.ts";
import { type EventFilter, matches, mayMatch } from "./event-filter.ts";
import { expand } from "./expand.ts";

/** Whose events are read, and which of them. */
export interface EventReader {
  readonly account: { readonly pk: number; readonly name: string };
  readonly filter: EventFilter;
}

/** The events of a row that a reader wants, without those that it has read already. */
export function eventsFor(row: EventRow, { account, filter }: EventReader, read: Cursor): FeedEvent[] {
  if (row.accountPk !== account.pk || !mayMatch(filter, row)) return [];
  const first = row.position === read.position + 1 ? read.events : 0;
  return expand(row).flatMap((event, index) =>
    index >= first && matches(filter, event) ? [feedEvent(row, { event, index }, account.name)] : [],
  );
}

function feedEvent(
  row: EventRow,
  { event, index }: { readonly event: ExpandedEvent; readonly index: number },
  account: string,
): FeedEvent {
  const { kind, ...rest } = event;
  return { id: eventId(row.position, index), kind, time: row.time.toISOString(), account, ...rest };
}
