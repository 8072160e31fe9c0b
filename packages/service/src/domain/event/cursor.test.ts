import { expect, test } from "vitest";
import { cursorAfterRow, eventId, parseCursor, writeCursor } from "./cursor.ts";

test("a cursor is read as it was written", () => {
  for (const cursor of [
    cursorAfterRow(0),
    cursorAfterRow(17),
    { position: 16, events: 1 },
    { position: 16, events: 40 },
  ])
    expect(parseCursor(writeCursor(cursor))).toEqual(cursor);
});

test("the id of an event is the cursor of who has read it and nothing after it", () => {
  expect(parseCursor(eventId(17, 0))).toEqual({ position: 16, events: 1 });
  expect(parseCursor(eventId(17, 3))).toEqual({ position: 16, events: 4 });
});

test.each(["", "x", "-1", "1-", "0-0", "1-2-3", "1.5", "9999999999999999", " 1"])("%j is no cursor", (text) => {
  expect(parseCursor(text)).toBeUndefined();
});
