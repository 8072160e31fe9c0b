import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LineSplitter, type LogLine, textOf } from "./lines.ts";

/** The lines of a content that comes in pieces of some size. */
function linesOf(content: Uint8Array, size: number): readonly LogLine[] {
  const splitter = new LineSplitter();
  const lines: LogLine[] = [];
  for (let at = 0; at < content.length; at += size) lines.push(...splitter.add(content.subarray(at, at + size), at));
  return [...lines, ...splitter.flush(true)];
}

const rejoined = (lines: readonly LogLine[]) =>
  Buffer.concat(lines.map(({ bytes, isPartial }) => Buffer.concat([bytes, Buffer.from(isPartial ? "" : "\n")])));

test("lines put together again are what they were made of, each where it says", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, size) => {
      const content = bytes.map((byte) => (byte % 5 === 0 ? 10 : byte));
      const lines = linesOf(content, size);
      expect(rejoined(lines)).toEqual(Buffer.from(content));
      let end = 0;
      for (const line of lines) {
        expect(line.offset).toBe(end);
        end = line.end;
      }
      expect(end).toBe(content.length);
    }),
  );
});

test("a line without an end is said to be a part", () => {
  expect(linesOf(Buffer.from("a\nb"), 10).map(({ bytes, isPartial }) => [textOf(bytes), isPartial])).toEqual([
    ["a", false],
    ["b", true],
  ]);
});

describe("a very long line", () => {
  const content = Buffer.from(`${"€".repeat(30_000)}\nend\n`);

  test.each([1_000, 64 * 1024, 1_000_000])("comes in parts between characters, %i bytes at a time", (size) => {
    const lines = linesOf(content, size);
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.every(({ bytes }) => bytes.length <= 16 * 1024 && textOf(bytes) !== undefined)).toBe(true);
    expect(rejoined(lines).equals(content)).toBe(true);
  });
});

test("what is flushed before more comes ends with a whole character", () => {
  const splitter = new LineSplitter();
  const bytes = Buffer.from("a€");
  splitter.add(bytes.subarray(0, 2), 0);
  expect(splitter.flush(false).map((line) => textOf(line.bytes))).toEqual(["a"]);
  splitter.add(bytes.subarray(2), 2);
  expect(splitter.flush(false).map((line) => [line.offset, textOf(line.bytes)])).toEqual([[1, "€"]]);
});
