import { expect, test } from "vitest";
import { timetable } from "./retention.ts";

test("the last entry for a directory counts, and what is no entry is passed over", () => {
  const entries = [["a", 1], ["b", 2], ["a", 3], ["b", null], ["c", 4], "rubbish", [7, 8]];
  expect([...timetable(entries)]).toEqual([
    ["a", 3],
    ["c", 4],
  ]);
});

test("what becomes of a directory is forgotten with the one that it is in", () => {
  const entries = [
    ["jobs/a/one", 1],
    ["jobs/a/two", 2],
    ["jobs/ab/one", 3],
    ["jobs/a", null],
  ];
  expect([...timetable(entries)]).toEqual([["jobs/ab/one", 3]]);
});
