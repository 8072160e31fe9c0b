/**
 * How far somebody has read the feed: everything up to a row, and of the row after it the first `events`. Written
 * `POSITION`, or `POSITION-INDEX` with the row that has been begun and the place in it of the last event that was read.
 */
export interface Cursor {
  /** The last row of which everything has been read. */
  readonly position: number;
  /** How many events of the next row have been read. */
  readonly events: number;
}

export const cursorAfterRow = (position: number): Cursor => ({ position, events: 0 });

/** The id of an event, which is also the cursor of who has read it. */
export const eventId = (position: number, index: number): string => `${position}-${index}`;

export function writeCursor({ position, events }: Cursor): string {
  return events === 0 ? String(position) : eventId(position + 1, events - 1);
}

/** Undefined when the text is no cursor. */
export function parseCursor(text: string): Cursor | undefined {
  const match = /^(\d{1,15})(?:-(\d{1,6}))?$/.exec(text);
  if (!match) return undefined;
  const [, position, index] = match;
  if (index === undefined) return cursorAfterRow(Number(position));
  return Number(position) === 0 ? undefined : { position: Number(position) - 1, events: Number(index) + 1 };
}
