import { expect, test } from "vitest";
import { after } from "../time.ts";
import { type EventSlot, expiredSlots, nextSlot } from "./slots.ts";

const now = new Date("2026-01-02T00:00:00Z");
const retention = { eventRetentionHours: 24, eventRetentionCount: 6_000 };

/** Eight slots in the order of their numbers; each says hours ago and changes by then. */
const slots = (...given: readonly (readonly [hoursAgo: number, changes: number] | undefined)[]): EventSlot[] =>
  Array.from({ length: 8 }, (_, slot) => {
    const [hours, changes] = given[slot] ?? [];
    return { slot, began: hours === undefined ? null : after(now, -3_600 * hours), changes: changes ?? null };
  });

test("writers go on to the next slot when the present one has its share of the time or of the number", () => {
  const next = (began: readonly [number, number], changes: number) =>
    nextSlot({ current: 0, changes, slots: slots(began) }, retention, now);
  expect(next([3.9, 0], 999)).toBeUndefined();
  expect(next([4, 0], 999)).toBe(1);
  expect(next([1, 0], 1_000)).toBe(1);
});

test("writers stay while the next slot has events that are kept", () => {
  const full = slots([5, 700], [29, 0], [25, 100], [21, 200], [17, 300], [13, 400], [9, 500], [7, 600]);
  expect(nextSlot({ current: 0, changes: 800, slots: full }, retention, now)).toBeUndefined();
});

test("a slot expires when all in it is too old, or has enough after it", () => {
  const full = slots([3, 700], [29, 0], [25, 100], [23, 200], [17, 300], [13, 400], [9, 500], [7, 600]);
  expect(expiredSlots({ current: 0, changes: 800, slots: full }, retention, now)).toEqual([1]);
  expect(expiredSlots({ current: 0, changes: 6_199, slots: full }, retention, now)).toEqual([1]);
  expect(expiredSlots({ current: 0, changes: 6_200, slots: full }, retention, now)).toEqual([1, 2]);
  expect(expiredSlots({ current: 0, changes: 60_000, slots: full }, retention, now)).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test("the slot that is written to never expires, however old it is", () => {
  const alone = slots([1_000, 0]);
  expect(expiredSlots({ current: 0, changes: 1_000_000, slots: alone }, retention, now)).toEqual([]);
});
