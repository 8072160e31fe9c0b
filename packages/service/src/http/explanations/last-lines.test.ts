import { expect, test } from "vitest";
import { lastLines } from "./last-lines.ts";

test("the last lines are the last twenty, without the break at the end", () => {
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
  expect(lastLines(`${lines.join("\n")}\n`, false)).toBe(lines.slice(-20).join("\n"));
  expect(lastLines("one\r\ntwo\r\n", false)).toBe("one\ntwo");
  expect(lastLines("", false)).toBe("");
});

test("a line of which the beginning is missing is left out, unless it is the only one", () => {
  expect(lastLines("ginning\nwhole", true)).toBe("whole");
  expect(lastLines("ginning", true)).toBe("ginning");
});
