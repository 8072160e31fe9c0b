import { aPool, type TemporaryDatabase, temporaryDatabase } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Job } from "../../src/domain/job/job.ts";
import { newJob } from "../../src/domain/job/new-job.ts";
import { newPool } from "../../src/domain/pool/new-pool.ts";
import { newTask } from "../../src/domain/task/new-task.ts";
import { lockExistingJob } from "../../src/lifecycle/existing.ts";
import { beginDeleteJob, terminateJob } from "../../src/lifecycle/job.ts";
import { finishRuns } from "../../src/lifecycle/run.ts";
import { advanceJobs } from "../../src/lifecycle/settle-jobs.ts";
import { readAccount } from "../../src/store/accounts.ts";
import { transaction } from "../../src/store/database.ts";
import { insertJob, readJob } from "../../src/store/jobs.ts";
import { insertNodes } from "../../src/store/node-provision.ts";
import { insertPool, lockPool } from "../../src/store/pools.ts";
import { insertTasks, readTaskCounts } from "../../src/store/tasks.ts";
import { addAccount } from "../builders.ts";

const now = new Date("2026-01-01T00:00:00Z");
/** In full: `KYANITE_LARGE_JOB=100000`. */
const size = Number(process.env.KYANITE_LARGE_JOB ?? 12_000);
let temporary: TemporaryDatabase;

beforeAll(async () => {
  temporary = await temporaryDatabase();
  const account = await addAccount(temporary.database);
  await insertPool(temporary.database, newPool(aPool("pool"), account, now));
  const pool = await lockPool(temporary.database, account, "pool");
  if (!pool) throw new Error("no pool");
  await insertNodes(temporary.database, pool, [{ id: "node", isDedicated: true }], now);
});
afterAll(() => temporary[Symbol.asyncDispose]());

async function theAccount() {
  const account = await readAccount(temporary.database, "test");
  if (!account) throw new Error("no account");
  return account;
}

async function aJobWith(id: string, count: number, parent?: string): Promise<Job> {
  const { database } = temporary;
  const account = await theAccount();
  const body = { id, poolInfo: { poolId: "pool" }, usesTaskDependencies: true };
  const inserted = await insertJob(database, newJob(body, account, now));
  const job = inserted && (await readJob(database, account, id));
  if (!job) throw new Error("no job");
  for (let first = 0; first < count; first += 2000) {
    const tasks = Array.from({ length: Math.min(2000, count - first) }, (_, index) =>
      newTask(
        { id: `t${first + index}`, commandLine: "true", ...(parent ? { dependsOn: { taskIds: [parent] } } : {}) },
        job,
      ),
    );
    await transaction(database, (sql) => insertTasks(sql, job, tasks, now));
  }
  return job;
}

/** Puts tasks on nodes without a scheduler. */
async function run(job: Job, ids: string[]): Promise<string[]> {
  const rows = await temporary.database<{ runId: string }[]>`
    update task set state = 'running', start_time = ${now}, run_id = gen_random_uuid(), node_pk = (select min(pk) from node)
    where job_pk = ${job.pk} and id = any(${ids}::text[]) returning run_id`;
  await temporary.database`update node set used_slots = used_slots + ${ids.length}, running_tasks = running_tasks + ${ids.length}
    where pk = (select min(pk) from node)`;
  return rows.map(({ runId }) => runId);
}

async function settleAll(): Promise<number> {
  for (let rounds = 1; ; rounds++) if (!(await advanceJobs(temporary.database, now))) return rounds;
}

// The statements before it change one task each: a plan made for them must do for thousands as well.
test("a task that thousands depend on lets them all go on at once", { timeout: 15_000 }, async () => {
  const { database } = temporary;
  const job = await aJobWith("fan", size, "parent");
  await transaction(database, (sql) =>
    insertTasks(sql, job, [newTask({ id: "parent", commandLine: "true" }, job)], now),
  );
  const [runId = ""] = await run(job, ["parent"]);
  const end = { runId, exit: { kind: "exited", exitCode: 0 } as const, startTime: now, endTime: now };
  await transaction(database, (sql) => finishRuns(sql, [end], now));
  const [waiting] = await database`select count(*) as count from task where job_pk = ${job.pk} and waiting_for > 0`;
  expect(waiting).toEqual({ count: 0 });
});

test("a large job is terminated and deleted in the background, and others are not held up", async () => {
  const { database } = temporary;
  const account = await theAccount();
  const large = await aJobWith("large", size);
  const small = await aJobWith("small", 1);
  await run(
    large,
    Array.from({ length: 1500 }, (_, index) => `t${index}`),
  );
  expect(await readTaskCounts(database, large)).toMatchObject({ active: size - 1500, running: 1500 });

  await transaction(database, async (sql) =>
    terminateJob(sql, await lockExistingJob(sql, account, { jobId: "large" }), { by: "client", reason: "enough" }, now),
  );
  await settleAll();
  expect((await readJob(database, account, "large"))?.state).toBe("completed");
  expect(await readTaskCounts(database, large)).toMatchObject({ active: size - 1500, running: 0, failed: 1500 });
  const [node] = await database`select used_slots, running_tasks from node`;
  expect(node).toEqual({ usedSlots: 0, runningTasks: 0 });

  await transaction(database, async (sql) => {
    await beginDeleteJob(sql, await lockExistingJob(sql, account, { jobId: "large" }), false, now);
    await beginDeleteJob(sql, await lockExistingJob(sql, account, { jobId: "small" }), false, now);
  });
  expect(await advanceJobs(database, now)).toBe(true);
  expect(await readJob(database, account, "small")).toBeUndefined();
  expect((await readJob(database, account, "large"))?.state).toBe("deleting");
  expect(await settleAll()).toBeLessThanOrEqual(Math.ceil(size / 5000));
  expect(await readJob(database, account, "large")).toBeUndefined();
  const [left] = await database`
    select (select count(*) from task where job_pk in (${large.pk}, ${small.pk})) as tasks,
      (select count(*) from task_count where job_pk = ${large.pk}) as counts`;
  expect(left).toEqual({ tasks: 0, counts: 0 });
});
