import type { JobAddParameter } from "@kyanite/contract";
import { aPool, type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Job } from "../src/domain/job/job.ts";
import { newJob } from "../src/domain/job/new-job.ts";
import { newPool } from "../src/domain/pool/new-pool.ts";
import { newTask } from "../src/domain/task/new-task.ts";
import { placeTasks } from "../src/lifecycle/placement.ts";
import { plan } from "../src/scheduler/plan.ts";
import { readAccount } from "../src/store/accounts.ts";
import { transaction } from "../src/store/database.ts";
import { insertJob, readJob } from "../src/store/jobs.ts";
import { insertNodes } from "../src/store/node-provision.ts";
import { insertPool, lockPool } from "../src/store/pools.ts";
import { readSnapshot } from "../src/store/snapshot.ts";
import { insertTasks } from "../src/store/tasks.ts";
import { addAccount } from "./builders.ts";

const now = new Date("2026-01-01T00:00:00Z");
const bounds = { tasksPerPool: 100, jobsPerPool: 10 };
let temporary: TemporaryDatabase;

/** A node of two slots, and a job of three tasks. */
beforeEach(async () => {
  temporary = await temporaryDatabase();
  const { database } = temporary;
  const account = await addAccount(database);
  await insertPool(database, newPool(aPool("pool", { taskSlotsPerNode: 2 }), account, now));
  const pool = await lockPool(database, account, "pool");
  if (!pool) throw new Error("no pool");
  await insertNodes(database, pool, [{ id: "node", isDedicated: true }], now);
  await database`update node set state = 'idle'`;
  const job = await addJob({ id: "job", poolInfo: { poolId: "pool" } });
  const tasks = ["a", "b", "c"].map((id) => newTask({ id, commandLine: "true" }, job));
  await transaction(database, (sql) => insertTasks(sql, job, tasks, now));
});
afterEach(() => temporary[Symbol.asyncDispose]());

async function addJob(body: JobAddParameter): Promise<Job> {
  const { database } = temporary;
  const account = await readAccount(database, "test");
  if (!account) throw new Error("no account");
  await insertJob(database, newJob(body, account, now));
  const job = await readJob(database, account, body.id);
  if (!job) throw new Error("no job");
  return job;
}

test("a plan whose nodes were filled meanwhile places what still fits, and nothing more", async () => {
  const { database } = temporary;
  const snapshot = await readSnapshot(database, bounds);
  const [first, second] = plan(snapshot);
  if (!first || !second) throw new Error("nothing planned");
  // Another server has placed one of the tasks, by a snapshot of the same moment.
  const third = { ...second, taskPk: Math.max(...(await database`select pk from task`).map(({ pk }) => pk)) };
  expect(await transaction(database, (sql) => placeTasks(sql, [third], now))).toBe(1);
  expect(await transaction(database, (sql) => placeTasks(sql, [first, second], now))).toBe(1);
  const [node] = await database`select slots, used_slots, running_tasks from node`;
  expect(node).toEqual({ slots: 2, usedSlots: 2, runningTasks: 2 });
});

test("a node that has to be left by all is found, however few of the running tasks are looked at", async () => {
  const { database } = temporary;
  await transaction(database, async (sql) => placeTasks(sql, plan(await readSnapshot(sql, bounds)), now));
  await database`update job set allow_task_preemption = true`;
  const job = await addJob({ id: "important", priority: 1, poolInfo: { poolId: "pool" } });
  const wide = newTask({ id: "wide", commandLine: "true", requiredSlots: 2 }, job);
  await transaction(database, (sql) => insertTasks(sql, job, [wide], now));
  const [placement, ...others] = plan(await readSnapshot(database, { ...bounds, tasksPerPool: 1 }));
  expect([placement?.jobPk, placement?.preempts?.length, others]).toEqual([job.pk, 2, []]);
});
