import { aPool, type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Account } from "../src/domain/account/account.ts";
import { after } from "../src/domain/time.ts";
import { enableAutoScale, runAutoScaleNow, runAutoScaleWhenDue } from "../src/lifecycle/auto-scale.ts";
import { lockExistingPool } from "../src/lifecycle/existing.ts";
import { addPool, beginDeletePool } from "../src/lifecycle/pool.ts";
import { listAutoScaleRuns, readAutoScale, readDuePools } from "../src/store/auto-scale.ts";
import { transaction } from "../src/store/database.ts";
import { savePool } from "../src/store/pools.ts";
import { addAccount } from "./builders.ts";
import { someQuotas } from "./quotas.ts";

const start = new Date("2026-01-01T00:00:00Z");
const settings = { autoScaleMinimumSeconds: 300, poolSampleSeconds: 30 };

let temporary: TemporaryDatabase;
let account: Account;

beforeAll(async () => {
  temporary = await temporaryDatabase();
  account = await addAccount(temporary.database);
});
afterAll(() => temporary[Symbol.asyncDispose]());

/** Adds a pool without nodes, at rest, that evaluates its formula each five minutes. */
async function addScalingPool(id: string, autoScaleFormula: string): Promise<number> {
  const { targetDedicatedNodes: _, ...body } = aPool(id, {
    enableAutoScale: true,
    autoScaleFormula,
    autoScaleEvaluationInterval: "PT5M",
  });
  return transaction(temporary.database, async (sql) => {
    await addPool(sql, account, body, { ...someQuotas(settings), now: start });
    const pool = await lockExistingPool(sql, account, { poolId: id });
    await savePool(sql, { ...pool, allocationState: "steady" }, "service");
    return pool.pk;
  });
}

const poolOf = (id: string) => lockExistingPool(temporary.database, account, { poolId: id });
const runAt = (pk: number, seconds: number) =>
  runAutoScaleWhenDue(temporary.database, pk, { settings, now: after(start, seconds) });
const runsOf = async (id: string) => listAutoScaleRuns(temporary.database, await poolOf(id), { limit: 200 });

describe("the timetable of a pool", () => {
  test("has a run at each interval, and goes on where it was after a time without servers", async () => {
    const pk = await addScalingPool("timetable", "x = time();");
    expect(await readDuePools(temporary.database, after(start, 299), 10)).toEqual([]);
    expect(await runAt(pk, 299)).toBeUndefined();
    expect(await readDuePools(temporary.database, after(start, 300), 10)).toEqual([pk]);
    expect((await runAt(pk, 301))?.run).toMatchObject({ trigger: "interval", timestamp: "2026-01-01T00:05:01Z" });
    expect(await runAt(pk, 302)).toBeUndefined();
    expect((await runAt(pk, 1000))?.run.timestamp).toBe("2026-01-01T00:16:40Z");
    expect((await readAutoScale(temporary.database, { pk }))?.dueTime).toEqual(after(start, 1200));
    expect((await runsOf("timetable")).map(({ run }) => run.trigger)).toEqual(["interval", "interval", "create"]);
  });

  test("has one run when two servers come to it at the same time", async () => {
    const pk = await addScalingPool("contended", "x = 1;");
    const runs = await Promise.all([runAt(pk, 300), runAt(pk, 300), runAt(pk, 300)]);
    expect(runs.filter((run) => run !== undefined)).toHaveLength(1);
    expect(await runsOf("contended")).toHaveLength(2);
  });

  test("is not disturbed by a run on request, nor by a formula alone, but begins anew with an interval", async () => {
    const pk = await addScalingPool("disturbed", "x = 1;");
    const dueTime = async () => (await readAutoScale(temporary.database, { pk }))?.dueTime;
    await transaction(temporary.database, async (sql) =>
      runAutoScaleNow(sql, await lockExistingPool(sql, account, { poolId: "disturbed" }), {
        settings,
        now: after(start, 100),
      }),
    );
    expect(await dueTime()).toEqual(after(start, 300));
    const enable = (change: object, seconds: number) =>
      transaction(temporary.database, async (sql) =>
        enableAutoScale(sql, await lockExistingPool(sql, account, { poolId: "disturbed" }), change, {
          settings,
          now: after(start, seconds),
        }),
      );
    await enable({ autoScaleFormula: "x = 2;" }, 110);
    expect(await dueTime()).toEqual(after(start, 300));
    await enable({ autoScaleEvaluationInterval: "PT10M" }, 150);
    expect(await dueTime()).toEqual(after(start, 750));
  });

  test("ends when the pool is being deleted", async () => {
    const pk = await addScalingPool("deleted", "$TargetDedicatedNodes = 3;");
    await transaction(temporary.database, async (sql) =>
      beginDeletePool(sql, await lockExistingPool(sql, account, { poolId: "deleted" }), after(start, 10)),
    );
    expect(await runAt(pk, 300)).toBeUndefined();
    expect(await poolOf("deleted")).toMatchObject({ state: "deleting", targetDedicatedNodes: 0 });
    expect((await readAutoScale(temporary.database, { pk }))?.dueTime).toBeNull();
  });
});

describe("what a run does to its pool", () => {
  test("new targets make it resize without a new ETag, and a shortfall makes it try again", async () => {
    const pk = await addScalingPool("short", "$TargetDedicatedNodes = 3; $NodeDeallocationOption = taskcompletion;");
    const before = await poolOf("short");
    expect(before).toMatchObject({ targetDedicatedNodes: 3, nodeDeallocationOption: "taskcompletion" });
    await runAt(pk, 300);
    const next = await poolOf("short");
    expect(next).toMatchObject({ allocationState: "resizing", resizeDeadline: null, etag: before.etag });
    expect(next.lastModified).toEqual(before.lastModified);
  });

  test("a failure leaves targets and nodes alone, and is on show", async () => {
    const pk = await addScalingPool(
      "failing",
      "$TargetDedicatedNodes = 3; x = $PendingTasks.GetSample(TimeInterval_Hour);",
    );
    const message = "Line 1, Col 55: Insufficient data from data set: $PendingTasks wanted 70%, received 0%";
    await runAt(pk, 300);
    expect(await poolOf("failing")).toMatchObject({ targetDedicatedNodes: 0, allocationState: "steady" });
    expect((await readAutoScale(temporary.database, { pk }))?.run).toEqual({
      timestamp: "2026-01-01T00:05:00Z",
      results: "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue",
      error: {
        code: "InsufficientSampleData",
        message: "Autoscale evaluation failed due to insufficient sample data",
        values: [{ name: "Message", value: message }],
      },
    });
  });
});
