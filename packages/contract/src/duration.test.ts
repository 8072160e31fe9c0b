import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDuration, normalizeDuration, parseDuration, unlimitedDuration } from "./duration.ts";

describe("a duration", () => {
  test.each([
    ["PT0S", 0],
    ["PT5M", 300],
    ["PT01H00M00S", 3600],
    ["P7D", 604_800],
    ["P1W", 604_800],
    ["PT1.5S", 1.5],
    ["PT168H", 604_800],
    ["P1Y", 31_536_000],
    ["P1M", 2_592_000],
  ])("%s is %d seconds", (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  test.each(["", "P", "PT", "P1DT", "1H", "PT-1S", "-PT1S", "PT1S ", "P1H", "PT1.S", "P99999999999D", "P1S"])(
    "cannot be read from %j",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  test("a longer text than any duration needs is refused at once", () => {
    expect(parseDuration(`PT${"9".repeat(1_000_000)}S`)).toBeUndefined();
  });
});

test("a year counts 365 days and a month 30", () => {
  expect(normalizeDuration("P3Y6M4DT12H30M5S")).toBe("P1279DT12H30M5S");
});

test("leading zeros, weeks and zero parts go", () => {
  expect(normalizeDuration("PT01H00M00S")).toBe("PT1H");
  expect(normalizeDuration("P1W")).toBe("P7D");
  expect(normalizeDuration("P0D")).toBe("PT0S");
  expect(normalizeDuration("PT90M")).toBe("PT1H30M");
  expect(normalizeDuration("PT1,50S")).toBe("PT1.5S");
});

test("no limit survives reading and writing, to the last tick", () => {
  expect(normalizeDuration(unlimitedDuration)).toBe(unlimitedDuration);
  expect(formatDuration(parseDuration(unlimitedDuration) ?? 0)).toBe(unlimitedDuration);
  expect(formatDuration(Number.POSITIVE_INFINITY)).toBe(unlimitedDuration);
});

test("what is written reads back as the same number of milliseconds", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (milliseconds) => {
      expect(parseDuration(formatDuration(milliseconds / 1000))).toBeCloseTo(milliseconds / 1000, 3);
    }),
  );
});

test("writing is idempotent for every text", () => {
  fc.assert(fc.property(fc.string(), (text) => normalizeDuration(normalizeDuration(text)) === normalizeDuration(text)));
});
