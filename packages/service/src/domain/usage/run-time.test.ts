import { expect, test } from "vitest";
import { daysOf } from "./run-time.ts";

const at = (text: string) => new Date(text);

test("a run over midnight counts on both days, each with its part", () => {
  expect(daysOf({ start: at("2026-01-31T23:59:50Z"), end: at("2026-02-01T00:00:20.500Z") })).toEqual([
    { day: "2026-01-31", seconds: 10 },
    { day: "2026-02-01", seconds: 20.5 },
  ]);
});

test("a run that ends at midnight has nothing of the next day", () => {
  expect(daysOf({ start: at("2026-01-31T23:00:00Z"), end: at("2026-02-01T00:00:00Z") })).toEqual([
    { day: "2026-01-31", seconds: 3600 },
  ]);
});

test("a run without length is on the day of its end", () => {
  const noon = at("2026-01-31T12:00:00Z");
  expect(daysOf({ start: noon, end: noon })).toEqual([{ day: "2026-01-31", seconds: 0 }]);
});

test("a run of many years takes bounded work and loses no second", () => {
  const days = daysOf({ start: at("1990-01-01T00:00:00Z"), end: at("2026-01-01T00:00:00Z") });
  expect(days.length).toBe(400);
  const total = days.reduce((sum, { seconds }) => sum + seconds, 0);
  expect(total).toBe((at("2026-01-01T00:00:00Z").getTime() - at("1990-01-01T00:00:00Z").getTime()) / 1000);
});
