import { randomUUID } from "node:crypto";
import { type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { after } from "../../src/domain/time.ts";
import { forgetRuns } from "../../src/loops/forget-runs.ts";
import { insertPastRuns, readPastRunSizes, readPastRuns } from "../../src/store/past-runs.ts";

const begin = new Date("2026-01-01T00:00:00Z");
const megabyte = Buffer.alloc(1_000_000).toString("base64");

let temporary: TemporaryDatabase;
beforeEach(async () => {
  temporary = await temporaryDatabase();
});
afterEach(() => temporary[Symbol.asyncDispose]());

/** Remembers a run of a task of its own, with a megabyte or nothing. */
async function remember(taskPk: number, { accountPk = 1, days = 0, content = "" } = {}) {
  const endTime = after(begin, days * 86_400);
  const facts = { nodePk: 1, nodeInfo: null, startTime: begin, exitCode: 0, failureInfo: null, awaitsFiles: false };
  const run = {
    accountPk,
    taskPk,
    runId: randomUUID(),
    endTime,
    outcome: "success",
    files: [],
    steps: [],
    content,
  } as const;
  await insertPastRuns(temporary.database, [{ ...facts, ...run }], endTime);
}

const known = async (...taskPks: readonly number[]) => {
  const found = await Promise.all(taskPks.map((pk) => readPastRuns(temporary.database, { pk }, 10)));
  return taskPks.filter((_, index) => (found[index] ?? []).length > 0);
};

async function forget(days: number, settings = {}) {
  const loop = forgetRuns(temporary.database, { keptLogDays: 7, keptLogMegabytes: 1_000, ...settings });
  while (await loop.round(after(begin, days * 86_400)));
}

test("former runs are forgotten when their time is over", async () => {
  for (const [taskPk, days] of [0, 3, 9].entries()) await remember(taskPk, { days });
  await forget(6.9);
  expect(await known(0, 1, 2)).toEqual([0, 1, 2]);
  await forget(9.5);
  expect(await known(0, 1, 2)).toEqual([1, 2]);
  await forget(17);
  expect(await known(0, 1, 2)).toEqual([]);
  expect(await readPastRunSizes(temporary.database)).toEqual([]);
});

test("of more than there is room for the oldest are forgotten, of the account that has most", async () => {
  for (const taskPk of [1, 2, 3, 4, 5]) await remember(taskPk, { content: megabyte });
  await remember(6, { accountPk: 2, content: megabyte });
  await forget(0, { keptLogMegabytes: 7 });
  expect(await known(1, 2, 3, 4, 5, 6)).toEqual([1, 2, 3, 4, 5, 6]);
  await forget(0, { keptLogMegabytes: 4 });
  expect(await known(1, 2, 3, 4, 5, 6)).toEqual([4, 5, 6]);
  const sizes = await readPastRunSizes(temporary.database);
  expect(sizes.reduce((total, { bytes }) => total + bytes, 0)).toBeLessThan(4e6);
});

test("a set that is larger than what is forgotten at a time is forgotten in several", async () => {
  await temporary.database`
    insert into past_run (account_pk, task_pk, run_id, recorded_time, end_time, outcome, bytes)
    select 1, number, gen_random_uuid(), ${begin}, ${begin}, 'failure', 1000 from generate_series(1, 1200) number`;
  await forget(0, { keptLogMegabytes: 1 });
  expect(await readPastRunSizes(temporary.database)).toMatchObject([{ accountPk: 1, bytes: 1_000_000 }]);
  await forget(30);
  expect(await readPastRunSizes(temporary.database)).toEqual([]);
});
