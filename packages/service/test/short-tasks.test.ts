import type { BatchServiceClient, CloudTask } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

/** Two nodes of one slot, which are given short tasks ahead of time. */
beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 2 }));
  await until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.length === 2 && nodes.every(({ state }) => state === "idle"),
  );
});
afterAll(() => service[Symbol.asyncDispose]());

const idOf = (index: number) => String(index).padStart(3, "0");
const isCompleted = ({ state }: CloudTask) => state === "completed";
const end = (task: CloudTask | undefined) => task?.executionInfo?.endTime?.getTime() ?? 0;
const start = (task: CloudTask | undefined) => task?.executionInfo?.startTime?.getTime() ?? 0;

async function addTasks(job: string, commandLines: readonly string[]): Promise<void> {
  await client.job.add({ id: job, poolInfo: { poolId: "pool" } });
  const tasks = commandLines.map((commandLine, index) => ({ id: idOf(index), commandLine }));
  for (let first = 0; first < tasks.length; first += 100)
    await client.task.addCollection(job, tasks.slice(first, first + 100));
}

const allOf = (job: string) =>
  until(
    () => client.task.list(job),
    (tasks) => tasks.every(isCompleted),
  );

const tasksRun = async () => {
  const nodes = await client.computeNode.list("pool");
  return nodes.reduce((sum, { totalTasksRun = 0 }) => sum + totalTasksRun, 0);
};

test("a long task among short ones holds none of them up, and none counts as tried before", async () => {
  const before = await tasksRun();
  const commands = Array.from({ length: 80 }, (_, index) => (index === 40 ? "sleep 600" : "true"));
  await addTasks("long-among-short", commands);
  const isLong = ({ id }: CloudTask) => id === idOf(40);
  const tasks = await until(
    () => client.task.list("long-among-short"),
    (all) => all.every((task) => isLong(task) || isCompleted(task)),
  );
  expect(tasks.find(isLong)?.state).toBe("running");
  const short = tasks.filter((task) => !isLong(task));
  expect(
    short.map(({ executionInfo }) => [executionInfo?.result, executionInfo?.retryCount, executionInfo?.requeueCount]),
  ).toEqual(short.map(() => ["success", 0, 0]));
  await client.task.terminate("long-among-short", idOf(40));
  await allOf("long-among-short");
  expect((await tasksRun()) - before).toBe(80);
});

test("a slot runs one task at a time, and each starts where it says it did", async () => {
  await addTasks(
    "one-at-a-time",
    Array.from({ length: 60 }, () => "true"),
  );
  const tasks = await allOf("one-at-a-time");
  for (const node of new Set(tasks.map(({ nodeInfo }) => nodeInfo?.nodeId))) {
    const here = tasks
      .filter(({ nodeInfo }) => nodeInfo?.nodeId === node)
      .sort((one, other) => start(one) - start(other));
    for (const [index, task] of here.entries())
      if (index > 0) expect(start(task)).toBeGreaterThanOrEqual(end(here[index - 1]));
  }
});

test("nobody sees more slots taken than a node has", async () => {
  await addTasks(
    "seen",
    Array.from({ length: 200 }, () => "true"),
  );
  let most = 0;
  await until(
    async () => {
      for (const { runningTaskSlotsCount = 0 } of await client.computeNode.list("pool"))
        most = Math.max(most, runningTaskSlotsCount);
      return client.job.getTaskCounts("seen");
    },
    ({ taskCounts }) => taskCounts.completed === 200,
  );
  expect(most).toBe(1);
});

test("tasks that wait on their node end at once when their job does", async () => {
  await addTasks(
    "ended",
    Array.from({ length: 60 }, (_, index) => (index === 30 || index === 31 ? "sleep 600" : "true")),
  );
  await until(
    () => client.task.get("ended", idOf(31)),
    ({ state }) => state === "running",
  );
  await client.job.terminate("ended");
  const tasks = await until(
    () => client.task.list("ended"),
    (all) => all.every(({ state }) => state === "completed" || state === "active"),
  );
  const codes = tasks.map(({ state, executionInfo }) => executionInfo?.failureInfo?.code ?? state);
  expect([codes[30], codes[31]]).toEqual(["TaskEnded", "TaskEnded"]);
  await until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.every(({ state, runningTasksCount }) => state === "idle" && runningTasksCount === 0),
  );
});

test("a task of higher priority is not held up by short ones that wait", async () => {
  await addTasks(
    "patient",
    Array.from({ length: 2000 }, () => "true"),
  );
  await client.job.add({ id: "urgent", priority: 100, poolInfo: { poolId: "pool" } });
  await client.task.add("urgent", { id: "first", commandLine: "true" });
  await until(() => client.task.get("urgent", "first"), isCompleted);
  const { taskCounts } = await client.job.getTaskCounts("patient");
  expect(taskCounts.active).toBeGreaterThan(0);
  await client.job.terminate("patient");
});
