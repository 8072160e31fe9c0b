import { expect, test } from "vitest";
import { parseTimetable } from "./retention.ts";

test("the last line for a directory counts, and a broken line is passed over", () => {
  const text = '["a",1]\n["b",2]\n["a",3]\n["b",null]\n["c",4]\nrubbish\n["d"';
  expect([...parseTimetable(text)]).toEqual([
    ["a", 3],
    ["c", 4],
  ]);
});
