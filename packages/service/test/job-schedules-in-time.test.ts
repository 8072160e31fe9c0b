import type { JobScheduleAddParameter } from "@kyanite/contract";
import { createLog } from "@kyanite/runtime";
import { anAutoPool, type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Account } from "../src/domain/account/account.ts";
import { newJob } from "../src/domain/job/new-job.ts";
import { nextRunTime } from "../src/domain/job-schedule/job-schedule.ts";
import { newJobSchedule, patchedJobSchedule } from "../src/domain/job-schedule/new-job-schedule.ts";
import { lockExistingJobSchedule } from "../src/lifecycle/existing.ts";
import { terminateJob } from "../src/lifecycle/job.ts";
import {
  addJobSchedule,
  beginDeleteJobSchedule,
  disableJobSchedule,
  enableJobSchedule,
  terminateJobSchedule,
  updateJobSchedule,
} from "../src/lifecycle/job-schedule.ts";
import { addJob } from "../src/lifecycle/new-job.ts";
import { beginDeletePool } from "../src/lifecycle/pool.ts";
import { runJobSchedules } from "../src/loops/run-job-schedules.ts";
import { settleJobs } from "../src/loops/settle-jobs.ts";
import { type Sql, transaction } from "../src/store/database.ts";
import { insertJobSchedule, readJobSchedule } from "../src/store/job-schedules.ts";
import { listJobs, lockJob } from "../src/store/jobs.ts";
import { listPools, lockPool } from "../src/store/pools.ts";
import { addAccount } from "./builders.ts";
import { someQuotas } from "./quotas.ts";

/** Schedules on a real database, looked at when a test says, and the time is what it says. */

const start = new Date("2026-01-01T00:00:00Z");
const minutes = (count: number) => new Date(start.getTime() + count * 60_000);
const settings = someQuotas();
const log = createLog("error");

let temporary: TemporaryDatabase;
let account: Account;

beforeEach(async () => {
  temporary = await temporaryDatabase();
  account = await addAccount(temporary.database);
});
afterEach(() => temporary[Symbol.asyncDispose]());

const inTransaction = <T>(work: (sql: Sql) => Promise<T>) => transaction(temporary.database, work);

/** A schedule at which nobody has looked yet, not even the request that added it. */
async function add(schedule: JobScheduleAddParameter["schedule"], more: Partial<JobScheduleAddParameter> = {}) {
  const body = { id: "s", schedule, jobSpecification: { poolInfo: { poolId: "nowhere" } }, ...more };
  await inTransaction((sql) => insertJobSchedule(sql, newJobSchedule(body, account, start)));
}

/** What a server does at this moment: one round of the loop, with its own view of nothing but the database. */
async function look(now: Date, quotas = settings): Promise<void> {
  await runJobSchedules(temporary.database, quotas, log).round(now);
}

async function endJob(number: number, now: Date): Promise<void> {
  await inTransaction(async (sql) => {
    const job = await lockJob(sql, account, `s:job-${number}`);
    if (job) await terminateJob(sql, job, { by: "client", reason: "done" }, now);
  });
  await settleJobs(temporary.database).round(now);
}

const change = (work: (sql: Sql, schedule: Awaited<ReturnType<typeof lockExistingJobSchedule>>) => Promise<unknown>) =>
  inTransaction(async (sql) => work(sql, await lockExistingJobSchedule(sql, account, { jobScheduleId: "s" })));

/** Minutes after the start at which each job was made, in the order of their numbers. */
async function jobTimes(): Promise<number[]> {
  const jobs = await listJobs(temporary.database, account, { limit: 100 });
  return jobs
    .map(({ id, creationTime }) => ({ number: Number(/\d+$/.exec(id)?.[0]), creationTime }))
    .sort((one, other) => one.number - other.number)
    .map(({ creationTime }) => (creationTime.getTime() - start.getTime()) / 60_000);
}

async function present() {
  const schedule = await readJobSchedule(temporary.database, account, "s");
  if (!schedule) throw new Error("the schedule is gone");
  return schedule;
}

const poolsInState = async (state: string) =>
  (await listPools(temporary.database, account, { limit: 100 })).filter((pool) => pool.state === state);

const everyTenMinutes = { recurrenceInterval: "PT10M" };

describe("a recurring schedule", () => {
  test("makes a job at each occurrence, when the one before has ended", async () => {
    await add(everyTenMinutes);
    await look(start);
    await look(minutes(1));
    await endJob(1, minutes(2));
    await look(minutes(9));
    await look(minutes(10));
    await look(minutes(20));
    await endJob(2, minutes(25));
    await look(minutes(25));
    expect(await jobTimes()).toEqual([0, 10, 25]);
    expect(nextRunTime(await present(), minutes(25))).toEqual(minutes(30));
  });

  test("makes one job whichever servers look at the same time, however often", async () => {
    await add(everyTenMinutes);
    await Promise.all(Array.from({ length: 6 }, () => look(start)));
    expect(await jobTimes()).toEqual([0]);
    await endJob(1, minutes(1));
    await Promise.all(Array.from({ length: 6 }, () => look(minutes(10))));
    expect(await jobTimes()).toEqual([0, 10]);
  });

  test("makes up for nothing that it missed while no server ran, but uses the occurrence that is open", async () => {
    await add(everyTenMinutes);
    await look(start);
    await endJob(1, minutes(1));
    await look(minutes(75));
    expect(await jobTimes()).toEqual([0, 75]);
    expect(nextRunTime(await present(), minutes(75))).toEqual(minutes(80));
  });

  test("waits for the next occurrence when the start window closed before anybody looked", async () => {
    await add({ ...everyTenMinutes, startWindow: "PT2M" });
    await look(minutes(3));
    expect(await jobTimes()).toEqual([]);
    expect((await present()).wakeTime).toEqual(minutes(10));
    await look(minutes(12));
    expect(await jobTimes()).toEqual([12]);
  });

  test("uses no occurrence twice when the clock is set back, and goes on when time has caught up", async () => {
    await add(everyTenMinutes);
    await look(minutes(30));
    await endJob(1, minutes(31));
    await look(minutes(0));
    await look(minutes(20));
    await look(minutes(39));
    expect(await jobTimes()).toEqual([30]);
    await look(minutes(40));
    expect(await jobTimes()).toEqual([30, 40]);
  });

  test("ends at its time once its last job has ended, which it leaves alone", async () => {
    await add({ ...everyTenMinutes, doNotRunAfter: minutes(15).toISOString() });
    await look(start);
    await look(minutes(15));
    expect((await present()).state).toBe("active");
    await endJob(1, minutes(16));
    await look(minutes(16));
    expect(await present()).toMatchObject({ state: "completed", endTime: minutes(16), previousState: "active" });
    expect(await jobTimes()).toEqual([0]);
  });

  test("that was disabled uses the occurrence that is open when it is enabled, and not those it missed", async () => {
    await add(everyTenMinutes);
    await change((sql, schedule) => disableJobSchedule(sql, schedule, start));
    await look(minutes(35));
    expect(await jobTimes()).toEqual([]);
    await change((sql, schedule) => enableJobSchedule(sql, schedule, minutes(36)));
    await look(minutes(36));
    expect(await jobTimes()).toEqual([36]);
    expect(nextRunTime(await present(), minutes(36))).toEqual(minutes(40));
  });

  test("with an interval changed begins anew at the change; what is said of its start stands", async () => {
    await add({ ...everyTenMinutes, doNotRunUntil: minutes(5).toISOString() });
    await look(minutes(5));
    await endJob(1, minutes(6));
    const patch = (schedule: object, now: Date) =>
      change((sql, present) => updateJobSchedule(sql, patchedJobSchedule(present, { schedule }, { account, now })));
    await patch({ recurrenceInterval: "PT20M", doNotRunUntil: minutes(5).toISOString() }, minutes(7));
    await look(minutes(24));
    await look(minutes(25));
    expect(await jobTimes()).toEqual([5, 25]);
    await endJob(2, minutes(26));
    await patch({ recurrenceInterval: "PT20M" }, minutes(27));
    await look(minutes(27));
    expect(nextRunTime(await present(), minutes(27))).toEqual(minutes(47));
  });
});

test("a schedule waits while the account has no room for its job, and makes it when there is", async () => {
  await add(everyTenMinutes);
  const full = { ...settings, activeJobAndJobScheduleQuota: 1 };
  await look(start, full);
  expect(await jobTimes()).toEqual([]);
  expect((await present()).lastOccurrence).toBeNull();
  await look(minutes(1));
  expect(await jobTimes()).toEqual([1]);
});

test("schedules count towards the quota that jobs share with them", async () => {
  const options = { quotas: { ...settings, activeJobAndJobScheduleQuota: 1 }, now: start };
  const body = { id: "j", poolInfo: { poolId: "nowhere" } };
  const tryJob = () => inTransaction((sql) => addJob(sql, account, newJob(body, account, start), options));
  await add(everyTenMinutes);
  await expect(tryJob()).rejects.toMatchObject({ code: "ActiveJobAndScheduleQuotaReached" });
  const more = { id: "t", schedule: {}, jobSpecification: { poolInfo: { poolId: "nowhere" } } };
  await expect(inTransaction((sql) => addJobSchedule(sql, account, more, options))).rejects.toMatchObject({
    code: "ActiveJobAndScheduleQuotaReached",
  });
  await change((sql, schedule) => terminateJobSchedule(sql, schedule, false, start));
  await look(start);
  expect((await tryJob()).pk).toBeGreaterThan(0);
});

describe("pools that come and go", () => {
  const specification = (poolLifetimeOption: "job" | "jobschedule", more: object = {}) => ({
    jobSpecification: {
      poolInfo: {
        autoPoolSpecification: {
          poolLifetimeOption,
          autoPoolIdPrefix: "mine",
          pool: anAutoPool({ targetDedicatedNodes: 0 }),
          ...more,
        },
      },
    },
  });
  const poolOfJob = async (number: number) => {
    const jobs = await listJobs(temporary.database, account, { limit: 100 });
    return jobs.find(({ id }) => id === `s:job-${number}`)?.poolId ?? "";
  };

  test("each job of a schedule has a pool of its own, which goes when it completes", async () => {
    await add(everyTenMinutes, specification("job"));
    await look(start);
    const first = await poolOfJob(1);
    expect(first).toMatch(/^mine_[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/);
    await endJob(1, minutes(1));
    await look(minutes(1));
    expect((await poolsInState("deleting")).map(({ id }) => id)).toEqual([first]);
    await look(minutes(10));
    expect((await poolsInState("active")).map(({ id }) => id)).toEqual([await poolOfJob(2)]);
    expect(await poolOfJob(2)).not.toBe(first);
  });

  test("what of a pool has no effect is told once, with the pool's id", async () => {
    const told: unknown[] = [];
    const quotas = someQuotas({ tellWithoutEffect: (poolId, properties) => told.push([poolId, properties]) });
    const networkConfiguration = { subnetId: "/subscriptions/s/subnets/n" };
    const pool = anAutoPool({ targetDedicatedNodes: 0, networkConfiguration });
    await add(everyTenMinutes, specification("jobschedule", { pool }));
    await look(start, quotas);
    const poolId = await poolOfJob(1);
    await endJob(1, minutes(1));
    await look(minutes(10), quotas);
    expect(await poolOfJob(2)).toBe(poolId);
    expect(told).toEqual([[poolId, ["networkConfiguration.subnetId"]]]);
  });

  test("all jobs of a schedule share the schedule's pool, which goes when the schedule completes", async () => {
    await add(everyTenMinutes, specification("jobschedule"));
    await look(start);
    await endJob(1, minutes(1));
    await look(minutes(10));
    expect(await poolOfJob(2)).toBe(await poolOfJob(1));
    expect(await poolsInState("active")).toHaveLength(1);
    await change((sql, schedule) => terminateJobSchedule(sql, schedule, false, minutes(11)));
    await look(minutes(11));
    await settleJobs(temporary.database).round(minutes(12));
    await look(minutes(12));
    await look(minutes(12));
    expect((await present()).state).toBe("completed");
    expect(await poolsInState("deleting")).toHaveLength(1);
  });

  test("a schedule that asks for another pool gets it with its next job; the old one stays as long as a job runs there", async () => {
    await add(everyTenMinutes, specification("jobschedule"));
    await look(start);
    const wider = specification("jobschedule", { pool: anAutoPool({ targetDedicatedNodes: 0, taskSlotsPerNode: 2 }) });
    await change((sql, schedule) =>
      updateJobSchedule(sql, patchedJobSchedule(schedule, wider, { account, now: minutes(1) })),
    );
    await look(minutes(2));
    expect(await poolsInState("active")).toHaveLength(1);
    await endJob(1, minutes(3));
    await look(minutes(10));
    expect(await poolOfJob(2)).not.toBe(await poolOfJob(1));
    expect((await poolsInState("active")).map(({ id }) => id)).toEqual([await poolOfJob(2)]);
    expect((await poolsInState("deleting")).map(({ id }) => id)).toEqual([await poolOfJob(1)]);
  });

  test("a pool that is kept alive outlives the schedule that is deleted", async () => {
    await add(everyTenMinutes, specification("jobschedule", { keepAlive: true }));
    await look(start);
    await change((sql, schedule) => beginDeleteJobSchedule(sql, schedule, false, minutes(1)));
    await look(minutes(1));
    await settleJobs(temporary.database).round(minutes(1));
    await look(minutes(2));
    expect(await readJobSchedule(temporary.database, account, "s")).toBeUndefined();
    expect(await listJobs(temporary.database, account, { limit: 10 })).toHaveLength(0);
    expect(await poolsInState("active")).toHaveLength(1);
  });

  test.each([
    ["pools for each job", specification("job").jobSpecification],
    ["a pool of somebody's", { poolInfo: { poolId: "somewhere" } }],
  ])(
    "a schedule's pool goes when the schedule asks for %s instead and no job runs on it",
    async (_, jobSpecification) => {
      await add(everyTenMinutes, specification("jobschedule"));
      await look(start);
      const pool = await poolOfJob(1);
      await change((sql, schedule) =>
        updateJobSchedule(sql, patchedJobSchedule(schedule, { jobSpecification }, { account, now: minutes(1) })),
      );
      await look(minutes(1));
      expect((await poolsInState("active")).map(({ id }) => id)).toEqual([pool]);
      await endJob(1, minutes(2));
      await look(minutes(2));
      expect((await poolsInState("deleting")).map(({ id }) => id)).toEqual([pool]);
      await look(minutes(10));
      expect(await poolOfJob(2)).not.toBe(pool);
    },
  );

  test("a pool that somebody deleted is replaced for the schedule's next job; the present one waits", async () => {
    await add(everyTenMinutes, specification("jobschedule"));
    await look(start);
    const [pool] = await poolsInState("active");
    await inTransaction(async (sql) => {
      const locked = await lockPool(sql, account, pool?.id ?? "");
      if (locked) await beginDeletePool(sql, locked, minutes(1));
    });
    await look(minutes(1));
    expect((await listJobs(temporary.database, account, { limit: 10 }))[0]?.state).toBe("active");
    await endJob(1, minutes(2));
    await look(minutes(10));
    expect((await poolsInState("active")).map(({ id }) => id)).toEqual([await poolOfJob(2)]);
    expect(await poolOfJob(2)).not.toBe(pool?.id);
  });

  test("a pool goes with a schedule that is deleted", async () => {
    await add(everyTenMinutes, specification("jobschedule"));
    await look(start);
    await change((sql, schedule) => beginDeleteJobSchedule(sql, schedule, false, minutes(1)));
    await look(minutes(1));
    await settleJobs(temporary.database).round(minutes(1));
    await look(minutes(2));
    expect(await poolsInState("deleting")).toHaveLength(1);
  });

  test("a job whose pool cannot be added is completed at once, and the schedule goes on", async () => {
    await add(everyTenMinutes, specification("job"));
    await look(start, { ...settings, poolQuota: 0 });
    const [failed] = await listJobs(temporary.database, account, { limit: 10 });
    expect(failed).toMatchObject({
      state: "completed",
      previousState: "active",
      endTime: start,
      terminateReason: null,
      schedulingError: { category: "UserError", code: "AutoPoolCreationFailedWithQuotaReached" },
    });
    expect((await present()).state).toBe("active");
    await look(minutes(10));
    expect(await jobTimes()).toEqual([0, 10]);
    expect(await poolsInState("active")).toHaveLength(1);
  });
});
