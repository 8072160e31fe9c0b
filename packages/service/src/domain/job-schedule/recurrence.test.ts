import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dueOccurrence, isOver, nextOccurrence, type Recurrence, wakeTime } from "./recurrence.ts";

const start = new Date("2026-01-01T00:00:00Z");
const at = (seconds: number) => new Date(start.getTime() + seconds * 1000);
const secondsOf = (time: Date | null | undefined) => time && (time.getTime() - start.getTime()) / 1000;

const aRecurrence = (more: Partial<Recurrence> = {}): Recurrence => ({
  firstOccurrence: start,
  lastOccurrence: null,
  intervalSeconds: 600,
  startWindowSeconds: null,
  doNotRunAfter: null,
  ...more,
});

const due = (recurrence: Recurrence, seconds: number) => secondsOf(dueOccurrence(recurrence, at(seconds)));
const next = (recurrence: Recurrence, seconds: number) => secondsOf(nextOccurrence(recurrence, at(seconds)));

describe("a recurrence", () => {
  test("is due from its first occurrence on, once in each interval", () => {
    expect(due(aRecurrence(), -0.001)).toBeUndefined();
    expect(due(aRecurrence(), 0)).toBe(0);
    const used = aRecurrence({ lastOccurrence: start });
    expect([due(used, 0), due(used, 599.999), due(used, 600), due(used, 1_500)]).toEqual([
      undefined,
      undefined,
      600,
      1_200,
    ]);
    expect([next(used, 0), next(used, 600)]).toEqual([600, 600]);
  });

  test("begins with an occurrence exactly, whatever fraction of a second its interval has", () => {
    const tenths = aRecurrence({ intervalSeconds: 60.1 });
    for (const count of [1, 3, 7, 1_000, 123_457])
      expect(dueOccurrence(tenths, new Date(start.getTime() + count * 60_100))).toEqual(
        new Date(start.getTime() + count * 60_100),
      );
  });

  test("drops an occurrence when its window has closed, and carries none into the next interval", () => {
    const windowed = aRecurrence({ startWindowSeconds: 60 });
    expect([due(windowed, 60), due(windowed, 61), next(windowed, 61), due(windowed, 600)]).toEqual([
      0,
      undefined,
      600,
      600,
    ]);
    const wide = aRecurrence({ startWindowSeconds: 6_000 });
    expect([due(wide, 599), due(wide, 1_799)]).toEqual([0, 1_200]);
  });

  test("without an interval there is one occurrence, which may be missed", () => {
    const once = aRecurrence({ intervalSeconds: null });
    expect([due(once, 1e9), isOver(once, at(1e9))]).toEqual([0, false]);
    const used = { ...once, lastOccurrence: start };
    expect([due(used, 5), next(used, 5), isOver(used, at(-5))]).toEqual([undefined, undefined, true]);
    const missed = { ...once, startWindowSeconds: 60 };
    expect([isOver(missed, at(-1)), isOver(missed, at(60)), isOver(missed, at(61))]).toEqual([false, false, true]);
  });

  test("is over when its end is reached, not when no occurrence is left before that", () => {
    const ending = aRecurrence({ lastOccurrence: start, doNotRunAfter: at(500) });
    expect([next(ending, 10), isOver(ending, at(10)), secondsOf(wakeTime(ending, at(10)))]).toEqual([
      undefined,
      false,
      500,
    ]);
    expect(isOver(ending, at(500))).toBe(true);
    expect(due(aRecurrence({ doNotRunAfter: at(500) }), 500)).toBeUndefined();
  });

  test("uses no occurrence again after the clock was set back, and none twice when it was set on", () => {
    const used = aRecurrence({ lastOccurrence: at(6_000) });
    expect([due(used, 300), next(used, 300)]).toEqual([undefined, 6_600]);
    expect(due(used, 100_000)).toBe(99_600);
  });

  test("with an interval beyond all calendars has no next occurrence", () => {
    const endless = aRecurrence({ lastOccurrence: start, intervalSeconds: 1e15 });
    expect([next(endless, 5), wakeTime(endless, at(5)), isOver(endless, at(5))]).toEqual([undefined, null, false]);
  });
});

const optional = <T>(value: T) => fc.oneof(fc.constant(null), fc.constant(value));

const recurrences = fc
  .record({
    first: fc.integer({ min: 0, max: 500 }),
    interval: fc.oneof(fc.constant(null), fc.integer({ min: 60, max: 400 })),
    window: fc.oneof(fc.constant(null), fc.integer({ min: 60, max: 500 })),
    end: fc.oneof(fc.constant(null), fc.integer({ min: 1, max: 3_000 })),
  })
  .map(({ first, interval, window, end }) =>
    aRecurrence({
      firstOccurrence: at(first),
      intervalSeconds: interval,
      startWindowSeconds: window,
      doNotRunAfter: end === null ? null : at(end),
    }),
  );
const jobSeconds = fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 60, maxLength: 60 });
const horizon = 3_000;

interface Made {
  readonly occurrence: number;
  readonly time: number;
}

/** The jobs that are made when somebody looks at the times that `look` gives, the first at 0. */
function jobsMade(
  recurrence: Recurrence,
  durations: readonly number[],
  look: (state: Recurrence, jobEnd: number, now: number) => number,
): Made[] {
  const made: Made[] = [];
  let state = recurrence;
  let jobEnd = 0;
  for (let now = 0; now <= horizon; now = Math.max(now + 1, look(state, jobEnd, now))) {
    const occurrence = now >= jobEnd ? dueOccurrence(state, at(now)) : undefined;
    if (!occurrence) continue;
    jobEnd = now + (durations[made.length] ?? 0);
    made.push({ occurrence: secondsOf(occurrence) ?? 0, time: now });
    state = { ...state, lastOccurrence: occurrence };
  }
  return made;
}

const everySecond = (_: Recurrence, __: number, now: number) => now + 1;

describe("whatever the recurrence and the jobs", () => {
  test("each job is made for an occurrence of its own, within its window, and before the end", () => {
    fc.assert(
      fc.property(recurrences, jobSeconds, (recurrence, durations) => {
        const made = jobsMade(recurrence, durations, everySecond);
        const { firstOccurrence, intervalSeconds, startWindowSeconds, doNotRunAfter } = recurrence;
        made.forEach(({ occurrence, time }, index) => {
          const before = made[index - 1];
          if (before) expect(occurrence).toBeGreaterThan(before.occurrence);
          if (before) expect(time).toBeGreaterThanOrEqual(before.time + (durations[index - 1] ?? 0));
          const offset = occurrence - (secondsOf(firstOccurrence) ?? 0);
          expect(intervalSeconds === null ? offset : offset % intervalSeconds).toBe(0);
          expect(time).toBeGreaterThanOrEqual(occurrence);
          expect(time - occurrence).toBeLessThan(intervalSeconds ?? Number.POSITIVE_INFINITY);
          expect(time - occurrence).toBeLessThanOrEqual(startWindowSeconds ?? Number.POSITIVE_INFINITY);
          expect(at(time) < (doNotRunAfter ?? at(1e9))).toBe(true);
        });
        if (intervalSeconds === null) expect(made.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("looking only when told to, and when a job ends, makes the same jobs as looking every second", () => {
    const whenTold = (state: Recurrence, jobEnd: number, now: number) => {
      const wake = secondsOf(wakeTime(state, at(now))) ?? Number.POSITIVE_INFINITY;
      const told = Math.max(wake, jobEnd);
      // What was told for a time that has passed is looked at when the next occurrence may have come.
      return told > now ? told : Math.max(now + 1, secondsOf(nextOccurrence(state, at(now + 1))) ?? horizon + 1);
    };
    fc.assert(
      fc.property(recurrences, jobSeconds, (recurrence, durations) => {
        expect(jobsMade(recurrence, durations, whenTold)).toEqual(jobsMade(recurrence, durations, everySecond));
      }),
    );
  });

  test("however the clock jumps, no occurrence is used twice and none before its time", () => {
    fc.assert(
      fc.property(recurrences, fc.array(fc.integer({ min: -500, max: 4_000 })), (recurrence, looks) => {
        const used: number[] = [];
        for (const now of looks) {
          const last = used.at(-1);
          const state = { ...recurrence, lastOccurrence: last === undefined ? null : at(last) };
          const occurrence = secondsOf(dueOccurrence(state, at(now)));
          if (occurrence === undefined || occurrence === null) continue;
          expect(occurrence).toBeLessThanOrEqual(now);
          if (last !== undefined) expect(occurrence).toBeGreaterThan(last);
          used.push(occurrence);
        }
      }),
    );
  });

  test("nothing is due after the last wake time, and nothing once it is over", () => {
    fc.assert(
      fc.property(
        recurrences,
        optional(start),
        fc.integer({ min: 0, max: 4_000 }),
        (recurrence, lastOccurrence, now) => {
          const state = { ...recurrence, lastOccurrence };
          const wake = wakeTime(state, at(now));
          if (isOver(state, at(now))) expect(dueOccurrence(state, at(now + 7))).toBeUndefined();
          if (wake === null) expect(dueOccurrence(state, at(now + 100_000))).toBeUndefined();
          if (wake && wake > at(now)) expect(dueOccurrence(state, new Date(wake.getTime() - 1))).toBeUndefined();
        },
      ),
    );
  });
});
