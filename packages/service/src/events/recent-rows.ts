import { type Cursor, cursorAfterRow } from "../domain/event/cursor.ts";
import type { EventRow } from "../domain/event/event.ts";
import type { Sql } from "../store/database.ts";
import { readRowsAfter } from "./reading.ts";

/** Of so many changes the rows are in memory. */
const changesInMemory = 20_000;

/** The rows after a cursor, none missing, as {@link readRowsAfter} gives them. */
export type ReadRows = (cursor: Cursor, limit: number) => Promise<readonly EventRow[]>;

/** Reads the feed for many at about the same place: each row once, and who is further behind from the table. */
export function recentRows(sql: Sql): ReadRows {
  let recent: readonly EventRow[] = [];
  const underWay = new Map<number, Promise<readonly EventRow[]>>();
  const read = async (cursor: Cursor, limit: number) => {
    const rows = await readRowsAfter(sql, cursor, limit);
    const last = recent.at(-1)?.position ?? 0;
    if (cursor.position === last) recent = withinMemory([...recent, ...rows]);
    else if (cursor.position > last) recent = rows;
    return rows;
  };
  const readOnce = async (cursor: Cursor, limit: number) => {
    const { position } = cursor;
    const reading = underWay.get(position) ?? read(cursor, limit);
    underWay.set(position, reading);
    try {
      return await reading;
    } finally {
      if (underWay.get(position) === reading) underWay.delete(position);
    }
  };
  return async (cursor, limit) => {
    const start = cursor.position + 1 - (recent[0]?.position ?? 0);
    const known = start < 0 ? [] : recent.slice(start, start + limit);
    const last = known.at(-1);
    if (known.length === limit) return known;
    const more = await readOnce(last ? cursorAfterRow(last.position) : cursor, limit);
    return [...known, ...more].slice(0, limit);
  };
}

/** The latest rows, with as many changes as may be in memory. */
export function withinMemory(rows: readonly EventRow[]): readonly EventRow[] {
  let changes = 0;
  const tooMany = rows.findLastIndex(({ size }) => {
    changes += size;
    return changes > changesInMemory;
  });
  return tooMany < 0 ? rows : rows.slice(tooMany + 1);
}
