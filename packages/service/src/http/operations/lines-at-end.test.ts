import { expect, test } from "vitest";
import { linesAtEnd } from "./lines-at-end.ts";

const end = (text: string, lines: number, isWhole = true) => linesAtEnd(Buffer.from(text), { lines, isWhole });

test("the last lines of a text are those before its end, with or without a line break there", () => {
  expect(end("a\nb\nc\n", 2)).toEqual(["b", "c"]);
  expect(end("a\r\nb\r\nc", 2)).toEqual(["b", "c"]);
  expect(end("a\n", 5)).toEqual(["a"]);
  expect(end("", 5)).toEqual([]);
});

test("of a text that begins in the middle of a line that one is left out, unless it is all", () => {
  expect(end("ne\nsecond\nthird\n", 5, false)).toEqual(["second", "third"]);
  expect(end("endless", 5, false)).toEqual(["endless"]);
});

test("a line is no longer than people read, and has nothing in it that a terminal acts on", () => {
  expect(end("x".repeat(5_000), 1)[0]).toHaveLength(501);
  expect(end("\u001b[31mred", 1)).toEqual([" [31mred"]);
});
