import { expect, test } from "vitest";
import { formatTable, formatValue } from "./table.ts";

test("values are short enough to be compared at a glance", () => {
  expect([12345.6, 123.4, 12.345, 0.012345, Number.NaN].map(formatValue)).toEqual([
    "12,346",
    "123",
    "12.3",
    "0.0123",
    "–",
  ]);
});

test("figures are shown under their title, with their targets", () => {
  const figures = [
    { name: "four connections", value: 15000, unit: "tasks/s", target: { atLeast: 20000 } },
    { name: "page", value: 9, unit: "ms", target: { below: 50 } },
    { name: "one", value: 9, unit: "ms" },
  ];
  expect(formatTable([{ title: "ingest", figures }])).toBe(
    [
      "",
      "ingest",
      "  four connections    15,000 tasks/s  ≥ 20,000  missed",
      "  page                     9 ms           < 50  met",
      "  one                      9 ms",
      "",
    ].join("\n"),
  );
});
