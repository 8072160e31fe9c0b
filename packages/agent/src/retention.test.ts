import { expect, test } from "vitest";
import { timetable } from "./retention.ts";

test("the last entry for a directory counts, and what is no entry is passed over", () => {
  const entries = [["a", 1], ["b", 2], ["a", 3], ["b", null], ["c", 4], "rubbish", [7, 8]];
  expect([...timetable(entries)]).toEqual([
    ["a", 3],
    ["c", 4],
  ]);
});
