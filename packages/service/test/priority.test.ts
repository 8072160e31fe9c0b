import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

/** One node of one slot. */
beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 1 }));
  await until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.length === 1 && nodes.every(({ state }) => state === "idle"),
  );
});
afterAll(() => service[Symbol.asyncDispose]());

async function addJob(id: string, priority: number, commandLines: readonly string[]): Promise<void> {
  await client.job.add({ id, priority, poolInfo: { poolId: "pool" } });
  const tasks = commandLines.map((commandLine, index) => ({ id: String(index).padStart(4, "0"), commandLine }));
  for (let first = 0; first < tasks.length; first += 100)
    await client.task.addCollection(id, tasks.slice(first, first + 100));
}

const completed = (id: string) =>
  until(
    () => client.task.list(id),
    (tasks) => tasks.every(({ state }) => state === "completed"),
  );

const startsOf = async (id: string) =>
  (await completed(id)).map(({ executionInfo }) => executionInfo?.startTime?.getTime() ?? 0);

test("a long task of low priority does not begin between short ones of a better job that wait behind a busy slot", async () => {
  await addJob("busy", 0, ["sleep 1"]);
  await addJob("long", -100, ["sleep 2"]);
  await addJob("better", 900, ["true", "true", "true", "true", "true"]);
  const [long = 0] = await startsOf("long");
  for (const start of await startsOf("better")) expect(start).toBeLessThanOrEqual(long);
});

test("tasks that come while short ones of lower priority wait on the node begin before these", async () => {
  await addJob(
    "many",
    0,
    Array.from({ length: 200 }, () => "true"),
  );
  await until(
    () => client.job.getTaskCounts("many"),
    ({ taskCounts }) => taskCounts.completed > 5,
  );
  await addJob("urgent", 100, ["true", "true", "true"]);
  const urgent = await completed("urgent");
  const begun = Math.max(...urgent.map(({ executionInfo }) => executionInfo?.startTime?.getTime() ?? 0));
  const many = await startsOf("many");
  // What had reached the agent when they came may have begun; what waited there and elsewhere has not.
  expect(many.filter((start) => start > begun).length).toBeGreaterThan(50);
});
