import fc from "fast-check";
import { expect, test } from "vitest";
import { after } from "../time.ts";
import { beginOf, keptSteps, seriesTime, stepsOf } from "./steps.ts";

const now = new Date("2026-03-29T12:03:17Z");
const retention = { poolSampleSeconds: 30, poolSampleHours: 24, fiveMinuteSampleDays: 3, hourSampleDays: 90 };
const kept = keptSteps("others", retention);
const ago = (seconds: number) => after(now, -seconds);
const day = 86_400;

test.each([
  ["of the last hour in the steps of the samples", 3_600, 30, 30, "fine"],
  ["in a multiple of the samples' steps", 3_600, 45, 60, "fine"],
  ["of five minutes without looking at fine samples", 3_600, 300, 300, "fiveMinutes"],
  ["of the day before yesterday only in five minutes", 2 * day, 30, 300, "fiveMinutes"],
  ["of last month only in hours", 30 * day, 30, 3_600, "hours"],
  ["of last year in hours", 400 * day, 30, 3_600, "hours"],
  ["by days", 30 * day, day, day, "hours"],
  ["without a step in some three hundred", day, undefined, 300, "fiveMinutes"],
  ["of a month without a step", 30 * day, undefined, 10_800, "hours"],
] as const)("a series is %s", (_, seconds, askedSeconds, stepSeconds, source) => {
  const time = seriesTime(kept, { from: ago(seconds), to: now, askedSeconds, now });
  expect(time).toMatchObject({ stepSeconds, source });
});

test("a node's fine samples are those of a quarter of an hour", () => {
  const nodes = keptSteps("nodes", retention);
  expect(seriesTime(nodes, { from: ago(600), to: now, askedSeconds: 10, now })).toMatchObject({ stepSeconds: 60 });
  expect(seriesTime(nodes, { from: ago(1_000), to: now, askedSeconds: 10, now })).toMatchObject({ stepSeconds: 300 });
});

test("steps begin at multiples of their length in UTC, also where clocks are set forward that night", () => {
  const time = seriesTime(kept, { from: ago(14 * 3_600), to: now, askedSeconds: 3_600, now });
  expect(stepsOf(time).map((step) => step.toISOString().slice(8, 16))).toEqual(
    [
      ...["28T22", "28T23", "29T00", "29T01", "29T02", "29T03", "29T04", "29T05", "29T06", "29T07"],
      ...["29T08", "29T09", "29T10", "29T11", "29T12"],
    ].map((hour) => `${hour}:00`),
  );
});

test("whatever is asked for, steps hold whole ones of what they are made of, and are no finer than asked", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 * day }),
      fc.integer({ min: 1, max: 10 * day }),
      (seconds, askedSeconds) => {
        const time = seriesTime(kept, { from: ago(seconds), to: now, askedSeconds, now });
        const source = kept.find(({ name }) => name === time.source);
        expect(time.stepSeconds % (source?.seconds ?? 0)).toBe(0);
        expect(time.stepSeconds).toBeGreaterThanOrEqual(askedSeconds);
        expect(time.from).toEqual(beginOf(time.from, time.stepSeconds));
        expect(time.from <= ago(seconds)).toBe(true);
      },
    ),
  );
});
