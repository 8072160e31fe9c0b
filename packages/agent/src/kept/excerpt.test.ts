import { mostKeptBytes } from "@kyanite/contract/kept-bounds";
import { expect, test } from "vitest";
import { excerptOf, gapLine } from "./excerpt.ts";

test.each([
  [0, 10, { headBytes: 0, tailBytes: 0, missingBytes: 0 }],
  [10, 10, { headBytes: 10, tailBytes: 0, missingBytes: 0 }],
  [11, 10, { headBytes: 5, tailBytes: 5, missingBytes: 1 }],
  [100, 7, { headBytes: 3, tailBytes: 4, missingBytes: 93 }],
])("of %i bytes, where %i may be kept, the beginning and the end are", (size, most, excerpt) => {
  expect(excerptOf(size, most)).toEqual(excerpt);
});

test("what is kept of the largest file, with the line at its gap, is no more than a report may announce", () => {
  const { headBytes, tailBytes, missingBytes } = excerptOf(Number.MAX_SAFE_INTEGER, 1024 * 1024);
  expect(headBytes + tailBytes + Buffer.byteLength(gapLine(missingBytes))).toBeLessThanOrEqual(mostKeptBytes);
});
