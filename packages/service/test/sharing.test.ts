import { aPool, type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Account } from "../src/domain/account/account.ts";
import { newJob } from "../src/domain/job/new-job.ts";
import { newPool } from "../src/domain/pool/new-pool.ts";
import { newTask } from "../src/domain/task/new-task.ts";
import { after } from "../src/domain/time.ts";
import { placeTasks } from "../src/lifecycle/placement.ts";
import { finishAndRefill } from "../src/lifecycle/refill.ts";
import { plan } from "../src/scheduler/plan.ts";
import { Served } from "../src/scheduler/served.ts";
import { transaction } from "../src/store/database.ts";
import { insertJob, readJob } from "../src/store/jobs.ts";
import { insertNodes } from "../src/store/node-provision.ts";
import { listen, notify } from "../src/store/notices.ts";
import { insertPool, lockPool } from "../src/store/pools.ts";
import { readSnapshot } from "../src/store/snapshot.ts";
import { insertTasks } from "../src/store/tasks.ts";
import { addAccount } from "./builders.ts";

const start = new Date("2026-01-01T00:00:00Z");
const bounds = { tasksPerPool: 100, jobsPerPool: 50 };
let temporary: TemporaryDatabase;
let account: Account;

beforeEach(async () => {
  temporary = await temporaryDatabase();
  account = await addAccount(temporary.database);
});
afterEach(() => temporary[Symbol.asyncDispose]());

async function addNodes(count: number): Promise<void> {
  const { database } = temporary;
  await insertPool(database, newPool(aPool("pool", { taskSlotsPerNode: 1 }), account, start));
  const pool = await lockPool(database, account, "pool");
  if (!pool) throw new Error("no pool");
  const nodes = Array.from({ length: count }, (_, index) => ({ id: `node${index}`, isDedicated: true }));
  await insertNodes(database, pool, nodes, start);
  await database`update node set state = 'idle'`;
}

async function addJobOfTasks(id: string, count: number): Promise<void> {
  const { database } = temporary;
  await insertJob(database, newJob({ id, poolInfo: { poolId: "pool" } }, account, start));
  const job = await readJob(database, account, id);
  if (!job) throw new Error("no job");
  const tasks = Array.from({ length: count }, (_, index) => newTask({ id: `${index}`, commandLine: "true" }, job));
  await transaction(database, (sql) => insertTasks(sql, job, tasks, start));
}

/** Lets the first of the running tasks end, second by second, and answers how many of each job have ended. */
async function countEnds(ends: number): Promise<number[]> {
  const { database } = temporary;
  const served = new Served();
  const first = served.addTo(await readSnapshot(database, bounds, served), start);
  await transaction(database, (sql) => placeTasks(sql, plan(first), start));
  for (let second = 1; second <= ends; second++) {
    const now = after(start, second);
    const [run] = await database<{ runId: string; nodePk: number; startTime: Date }[]>`
      select run_id, node_pk, start_time from task where state = 'running' order by start_time, pk limit 1`;
    if (!run) throw new Error("nothing runs");
    const finished = { ...run, exit: { kind: "exited", exitCode: 0 }, endTime: now } as const;
    await transaction(database, (sql) => finishAndRefill(sql, [finished], { bounds, served, now }));
  }
  const counts = await database<{ count: number }[]>`
    select count(t.pk)::int as count from job j left join task t on t.job_pk = j.pk and t.state = 'completed'
    group by j.pk order by j.pk`;
  return counts.map(({ count }) => count);
}

test("two jobs take turns in one slot, also where each end brings the next task", async () => {
  await addNodes(1);
  for (const id of ["old", "young"]) await addJobOfTasks(id, 40);
  expect(await countEnds(40)).toEqual([20, 20]);
});

test("five jobs have four nodes in turn", async () => {
  await addNodes(4);
  for (let index = 0; index < 5; index++) await addJobOfTasks(`job${index}`, 40);
  const counts = await countEnds(80);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
});

test("of more jobs than are looked at together none is left out", async () => {
  await addNodes(1);
  for (let index = 0; index < 60; index++) await addJobOfTasks(`job${index}`, 3);
  expect(await countEnds(60)).toEqual(Array.from({ length: 60 }, () => 1));
});

test("ends whose nodes have their next tasks wake no scheduler, and the ends after which nothing is left do", async () => {
  const { database } = temporary;
  await addNodes(1);
  await addJobOfTasks("job", 5);
  const woken: string[] = [];
  await using _listening = {
    [Symbol.asyncDispose]: await listen(database, "schedule", (payload) => woken.push(payload)),
  };
  woken.length = 0;
  await countEnds(4);
  await notify(database, "schedule", "four have ended");
  await expect.poll(() => woken).toEqual(["four have ended"]);
  await countEnds(1);
  await notify(database, "schedule", "all have ended");
  await expect.poll(() => woken).toEqual(["four have ended", "", "all have ended"]);
});

test.each([
  ["a container", { containerId: "c", state: "exited" } as const, 2],
  ["a process", undefined, 1],
])("after %s that took half a second a slot has so many of its job's tasks", async (_, container, running) => {
  const { database } = temporary;
  await addNodes(1);
  await addJobOfTasks("job", 10);
  const served = new Served();
  await transaction(database, async (sql) => placeTasks(sql, plan(await readSnapshot(sql, bounds, served)), start));
  const [run] = await database<{ runId: string; nodePk: number }[]>`
    select run_id, node_pk from task where state = 'running'`;
  if (!run) throw new Error("nothing runs");
  const now = after(start, 0.5);
  const finished = {
    ...run,
    exit: { kind: "exited", exitCode: 0 },
    startTime: start,
    endTime: now,
    container,
  } as const;
  await transaction(database, (sql) => finishAndRefill(sql, [finished], { bounds, served, now }));
  expect(await database`select count(*)::int from task where state = 'running'`).toEqual([{ count: running }]);
});
