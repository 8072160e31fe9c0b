import { expect, test } from "vitest";
import { isMet, median, medianOf, percentile, spread } from "./figures.ts";

test("a percentile is one of the samples, whatever their order", async () => {
  const samples = [5, 1, 4, 2, 3];
  expect(median(samples)).toBe(3);
  expect(percentile(samples, 0.99)).toBe(5);
  expect(percentile([], 0.5)).toBeNaN();
  expect(await medianOf(5, async (run) => samples[run] ?? 0)).toBe(3);
});

test("a figure without a target is neither met nor missed", () => {
  const figure = { name: "pages", value: 50, unit: "ms" };
  expect(isMet(figure)).toBeUndefined();
  expect(isMet({ ...figure, target: { below: 50 } })).toBe(false);
  expect(isMet({ ...figure, target: { atLeast: 50 } })).toBe(true);
  expect(isMet({ ...figure, value: Number.NaN, target: { below: 50 } })).toBe(false);
});

test("a spread is two figures, each with its own target", () => {
  expect(spread("wait", [1, 2, 9], { p99: { below: 5 } })).toEqual([
    { name: "wait, p50", value: 2, unit: "ms" },
    { name: "wait, p99", value: 9, unit: "ms", target: { below: 5 } },
  ]);
});
