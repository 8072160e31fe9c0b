import { expect, test } from "vitest";
import { formatTable, formatValue, median, percentile } from "./figures.ts";

test("a percentile is one of the samples, whatever their order", () => {
  const samples = [5, 1, 4, 2, 3];
  expect(median(samples)).toBe(3);
  expect(percentile(samples, 0.99)).toBe(5);
  expect(percentile([], 0.5)).toBeNaN();
});

test("values are short enough to be compared at a glance", () => {
  expect([12345.6, 123.4, 12.345, 0.012345, Number.NaN].map(formatValue)).toEqual([
    "12,346",
    "123",
    "12.3",
    "0.0123",
    "–",
  ]);
});

test("figures are shown under their scenario", () => {
  const figures = [
    { scenario: "ingest", name: "four connections", value: 15000, unit: "tasks/s" },
    { scenario: "ingest", name: "one", value: 9, unit: "tasks/s" },
  ];
  expect(formatTable(figures)).toBe(
    ["", "ingest", "  four connections      15,000 tasks/s", "  one                        9 tasks/s", ""].join("\n"),
  );
});
