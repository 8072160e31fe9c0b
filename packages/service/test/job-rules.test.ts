import type { BatchServiceClient, TaskAddParameter } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 1, taskSlotsPerNode: 4 }));
  await until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.length === 1 && nodes.every(({ state }) => state === "idle"),
  );
});
afterAll(() => service[Symbol.asyncDispose]());

const sh = (script: string) => `/bin/sh -c '${script}'`;
let number = 0;

async function aJob(more: object, ...tasks: TaskAddParameter[]): Promise<string> {
  const id = `job${++number}`;
  await client.job.add({ id, poolInfo: { poolId: "pool" }, ...more });
  if (tasks.length > 0) await client.task.addCollection(id, tasks);
  return id;
}

const jobIn = (id: string, state: string) =>
  until(
    () => client.job.get(id),
    (job) => job.state === state,
  );
const taskIn = (job: string, id: string, state: string) =>
  until(
    () => client.task.get(job, id),
    (task) => task.state === state,
  );
const codeOf = (request: Promise<unknown>) =>
  request.then(
    () => "accepted",
    (error) => error.code,
  );

describe("what an exit may ask of its job", () => {
  const performing = { onTaskFailure: "performexitoptionsjobaction" };
  const disabling: TaskAddParameter = {
    id: "fails",
    commandLine: sh("exit 7"),
    exitConditions: { exitCodes: [{ code: 7, exitOptions: { jobAction: "disable" } }] },
  };

  test("is that it be disabled, which takes its running tasks back", async () => {
    const id = await aJob(performing, { id: "long", commandLine: "sleep 60" });
    await taskIn(id, "long", "running");
    await client.task.add(id, disabling);
    await jobIn(id, "disabled");
    const long = await client.task.get(id, "long");
    expect(long).toMatchObject({ state: "active", executionInfo: { requeueCount: 1, retryCount: 0 } });
    await client.job.enable(id);
    await taskIn(id, "long", "running");
    await client.job.terminate(id);
  });

  test("is done after the last retry only", async () => {
    const id = await aJob(performing, { ...disabling, constraints: { maxTaskRetryCount: 2 } });
    await jobIn(id, "disabled");
    expect((await client.task.get(id, "fails")).executionInfo).toMatchObject({ retryCount: 2, exitCode: 7 });
  });

  test("may not be asked where the job does not listen", async () => {
    const id = await aJob({});
    expect(await codeOf(client.task.add(id, disabling))).toBe("InvalidPropertyValue");
  });
});

describe("a job", () => {
  test("runs no more tasks at once than it may, whatever room there is", async () => {
    const tasks = Array.from({ length: 8 }, (_, n) => ({ id: `${n}`, commandLine: "sleep 0.2" }));
    const id = await aJob({ maxParallelTasks: 2 }, ...tasks);
    const done = await until(
      () => client.task.list(id),
      (all) => all.every(({ state }) => state === "completed"),
    );
    const spans = done.map(({ executionInfo }) => [Number(executionInfo?.startTime), Number(executionInfo?.endTime)]);
    const atOnce = spans.map(([at = 0]) => spans.filter(([start = 0, end = 0]) => start <= at && at < end).length);
    expect(Math.max(...atOnce)).toBe(2);
  });

  test("gives its retries to tasks as they are added, and to those of before no more", async () => {
    const id = await aJob({ constraints: { maxTaskRetryCount: 3 } }, { id: "before", commandLine: "true" });
    await client.job.patch(id, { constraints: { maxTaskRetryCount: 1 } });
    await client.task.add(id, { id: "after", commandLine: "true" });
    expect((await client.task.get(id, "before")).constraints?.maxTaskRetryCount).toBe(3);
    expect((await client.task.get(id, "after")).constraints?.maxTaskRetryCount).toBe(1);
  });

  test("tells the last state in which it stayed, not one that it passed through", async () => {
    const id = await aJob({});
    expect((await client.job.get(id)).previousState).toBeUndefined();
    await client.job.disable(id, "requeue");
    expect((await jobIn(id, "disabled")).previousState).toBe("active");
    await client.job.terminate(id);
    expect((await jobIn(id, "completed")).previousState).toBe("disabled");
  });

  test("that ends with its tasks does so while it is disabled", async () => {
    const id = await aJob({}, { id: "waits", commandLine: "sleep 60" });
    await client.job.patch(id, { onAllTasksComplete: "terminatejob" });
    await client.job.disable(id, "requeue");
    await jobIn(id, "disabled");
    await client.task.terminate(id, "waits");
    expect((await jobIn(id, "completed")).executionInfo?.terminateReason).toBe("AllTasksCompleted");
  });

  test("has its wall clock go on while it is disabled", async () => {
    const id = await aJob({ constraints: { maxWallClockTime: "PT2S" } });
    await client.job.disable(id, "requeue");
    expect((await jobIn(id, "completed")).executionInfo?.terminateReason).toBe("MaxWallClockTimeExpiry");
  });

  test("says why it was terminated in the words of who did it", async () => {
    const id = await aJob({}, { id: "long", commandLine: "sleep 60" });
    await taskIn(id, "long", "running");
    await client.job.terminate(id, { terminateReason: "enough" });
    expect((await jobIn(id, "completed")).executionInfo?.terminateReason).toBe("enough");
    const { executionInfo } = await client.task.get(id, "long");
    expect(executionInfo).toMatchObject({ result: "failure", failureInfo: { code: "TaskEnded" } });
  });

  test("has a release task of a quarter of an hour at most", async () => {
    const jobReleaseTask = { commandLine: "true", maxWallClockTime: "PT15M1S" };
    const job = { jobPreparationTask: { commandLine: "true" }, jobReleaseTask };
    expect(await codeOf(aJob(job))).toBe("InvalidPropertyValue");
  });
});

test("a task that is reactivated begins anew, retries included", async () => {
  const id = await aJob({}, { id: "t", commandLine: sh("exit 1"), constraints: { maxTaskRetryCount: 1 } });
  const failed = await taskIn(id, "t", "completed");
  expect(failed.executionInfo).toMatchObject({ retryCount: 1, result: "failure", exitCode: 1 });
  await client.job.disable(id, "wait");
  await jobIn(id, "disabled");
  await client.task.reactivate(id, "t");
  const waiting = await client.task.get(id, "t");
  expect(waiting.executionInfo).toEqual({ retryCount: 0, requeueCount: 0 });
  expect(waiting).toMatchObject({ state: "active", previousState: "completed" });
});
