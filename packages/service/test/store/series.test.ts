import { createLog } from "@kyanite/runtime";
import { type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Point } from "../../src/domain/series/report.ts";
import { beginOf, type SeriesTime } from "../../src/domain/series/steps.ts";
import { after } from "../../src/domain/time.ts";
import { foldSamples } from "../../src/loops/fold-samples.ts";
import { followClock } from "../../src/loops/follow-clock.ts";
import { asJson } from "../../src/store/database.ts";
import { readFolding, readSeries } from "../../src/store/series.ts";
import { addAccount } from "../builders.ts";

const start = new Date("2026-03-28T22:00:00Z");
const retention = { poolSampleHours: 24, fiveMinuteSampleDays: 1, hourSampleDays: 2 };
const minutes = (count: number) => after(start, 60 * count);
let temporary: TemporaryDatabase;

beforeEach(async () => {
  temporary = await temporaryDatabase();
});
afterEach(() => temporary[Symbol.asyncDispose]());

interface Sample {
  readonly pk: number;
  readonly second: number;
  readonly figures: readonly (number | null)[];
}

async function addSamples(samples: readonly Sample[]): Promise<void> {
  const rows = samples.map(({ pk, second, figures }) => ({ account_pk: pk, at: after(start, second), figures }));
  await temporary.database`
    insert into account_sample
    select * from jsonb_populate_recordset(null::account_sample, ${asJson(rows)}::text::jsonb)
    on conflict do nothing`;
}

/** Lets the loop do all that is to be done at a time. */
async function foldAt(now: Date): Promise<void> {
  const loop = foldSamples(temporary.database, retention);
  while (await loop.round(now));
}

const read = (pk: number, time: SeriesTime) => readSeries(temporary.database, { kind: "account", pk }, [1, 2], time);

/** What steps must be, from the samples as they were taken. */
function folded(samples: readonly Sample[], { from, to, stepSeconds }: SeriesTime): Point[] {
  const points = new Map<string, Point>();
  for (const { second, figures } of samples) {
    const at = after(start, second);
    if (at < from || at >= to) continue;
    figures.forEach((figure, index) => {
      if (figure === null) return;
      const step = { at: beginOf(at, stepSeconds), place: index + 1 };
      const key = `${step.at.getTime()} ${step.place}`;
      const { count, total, lowest, highest } = points.get(key) ?? {
        count: 0,
        total: 0,
        lowest: figure,
        highest: figure,
      };
      points.set(key, {
        ...step,
        count: count + 1,
        total: total + figure,
        lowest: Math.min(lowest, figure),
        highest: Math.max(highest, figure),
      });
    });
  }
  return [...points.values()].toSorted(
    (one, other) => one.at.getTime() - other.at.getTime() || one.place - other.place,
  );
}

const figure = fc.option(fc.integer({ min: 0, max: 1_000 }), { nil: null, freq: 4 });
const aSample = fc.record({
  pk: fc.constantFrom(1, 2),
  second: fc.integer({ min: 0, max: 7 * 3_600 - 1 }),
  figures: fc.tuple(figure, figure),
});

test("in whatever steps, and however far it has come, a series is the fold of the samples as they were taken", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(aSample, { minLength: 20, maxLength: 120, selector: ({ pk, second }) => `${pk} ${second}` }),
      fc.array(fc.integer({ min: 0, max: 7 * 60 }), { maxLength: 4 }),
      async (samples, folds) => {
        const { database } = temporary;
        await database`truncate account_sample, five_minute_sample, hour_sample`;
        await database`update sample_folding set five_minutes_until = ${start}, hours_until = ${start}`;
        await addSamples(samples);
        for (const now of folds.toSorted((one, other) => one - other)) await foldAt(minutes(now));
        for (const [source, stepSeconds] of [
          ["fine", 30],
          ["fine", 300],
          ["fiveMinutes", 300],
          ["fiveMinutes", 900],
          ["hours", 3_600],
          ["hours", 7_200],
        ] as const) {
          const time = { from: start, to: minutes(7 * 60), stepSeconds, source };
          for (const pk of [1, 2])
            expect(await read(pk, time)).toEqual(
              folded(
                samples.filter((sample) => sample.pk === pk),
                time,
              ),
            );
        }
      },
    ),
    { numRuns: 12 },
  );
}, 120_000);

test("samples that are put together stay when they themselves are forgotten", async () => {
  await addSamples([0, 30, 300].map((second) => ({ pk: 1, second, figures: [second, null] })));
  await foldAt(minutes(65));
  await temporary.database`delete from account_sample`;
  const time = { from: start, to: minutes(60), stepSeconds: 300, source: "fiveMinutes" } as const;
  expect(await read(1, time)).toEqual([
    { at: start, place: 1, count: 2, total: 30, lowest: 0, highest: 30 },
    { at: minutes(5), place: 1, count: 1, total: 300, lowest: 300, highest: 300 },
  ]);
  expect(await read(1, { ...time, stepSeconds: 3_600, source: "hours" })).toEqual([
    { at: start, place: 1, count: 3, total: 330, lowest: 0, highest: 300 },
  ]);
});

async function partitions(): Promise<string[]> {
  const rows = await temporary.database<{ name: string }[]>`
    select relname as name from pg_class where relispartition and relkind = 'r' and relname like '%sample%' order by 1`;
  return rows.map(({ name }) => name);
}

test("days are dropped when they are older than they are kept", async () => {
  await addSamples([{ pk: 1, second: 0, figures: [1, 1] }]);
  await foldAt(minutes(65));
  expect(await partitions()).toContain("five_minute_sample_20260328");
  await foldAt(after(start, 26.5 * 3_600));
  expect(await partitions()).not.toContain("five_minute_sample_20260328");
  expect(await partitions()).toContain("hour_sample_20260328");
  await foldAt(after(start, 80 * 3_600));
  expect(await partitions()).not.toContain("hour_sample_20260328");
});

test("after months without a server it goes on", async () => {
  await addSamples([{ pk: 1, second: 0, figures: [1, 1] }]);
  await foldAt(minutes(65));
  const later = 200 * 86_400;
  await addSamples([{ pk: 1, second: later, figures: [2, 2] }]);
  await foldAt(after(start, later + 2 * 3_600));
  await temporary.database`delete from account_sample`;
  const time = { from: start, to: after(start, later + 86_400), stepSeconds: 3_600, source: "hours" } as const;
  expect((await read(1, time)).map(({ at, total }) => [at, total])).toEqual([
    [after(start, later), 2],
    [after(start, later), 2],
  ]);
});

test("when the clock was set back, what was put together ahead of time is, anew", async () => {
  const { database } = temporary;
  await addAccount(database);
  const ahead = 5 * 3_600;
  await addSamples([
    { pk: 1, second: 0, figures: [1, 1] },
    { pk: 1, second: ahead, figures: [9, 9] },
  ]);
  await foldAt(after(start, ahead + 3_700));
  await followClock(database, createLog("silent")).round(minutes(7));
  expect(await readFolding(database)).toEqual({ fiveMinutesUntil: minutes(5), hoursUntil: start });
  await addSamples([{ pk: 1, second: 600, figures: [3, 3] }]);
  await foldAt(minutes(70));
  await database`delete from account_sample`;
  const time = { from: start, to: after(start, 2 * ahead), stepSeconds: 3_600, source: "hours" } as const;
  expect((await read(1, time)).filter(({ place }) => place === 1)).toEqual([
    { at: start, place: 1, count: 2, total: 4, lowest: 1, highest: 3 },
  ]);
});
