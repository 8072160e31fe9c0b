import { expect, test } from "vitest";
import { nextFold } from "./folding.ts";

const at = (time: string) => new Date(`2026-01-01T${time}Z`);
const fold = (until: string | null, now: string, keptSeconds = 24 * 3_600) =>
  nextFold(until === null ? null : at(until), { now: at(now), keptSeconds });

test("five minutes are put together when they have been over for a minute", () => {
  expect(fold("12:00:00", "12:05:59")).toBeUndefined();
  expect(fold("12:00:00", "12:06:00")).toEqual({ from: at("12:00:00"), until: at("12:05:00") });
});

test("what was missed is done hour by hour", () => {
  expect(fold("09:20:00", "12:07:00")).toEqual({ from: at("09:20:00"), until: at("10:00:00") });
  expect(fold("12:00:00", "12:17:00")).toEqual({ from: at("12:00:00"), until: at("12:15:00") });
});

test("it begins with the oldest samples that are kept", () => {
  expect(fold(null, "12:07:00", 3_600)).toEqual({ from: at("11:00:00"), until: at("12:00:00") });
  expect(fold("03:00:00", "12:07:00", 3_600)).toEqual({ from: at("11:00:00"), until: at("12:00:00") });
});

test("a clock that was set back has nothing put together twice", () => {
  expect(fold("12:00:00", "08:00:00")).toBeUndefined();
});
