import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

beforeEach(async () => {
  service = await runningService();
  client = batchClient(service);
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 3 }));
  await until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.length === 3 && nodes.every(({ state }) => state === "idle"),
  );
});
afterEach(() => service[Symbol.asyncDispose]());

const leaving = async () =>
  (await client.computeNode.list("pool")).filter(({ state }) => state === "leavingpool").map(({ id }) => id);

test("a pool that is to shrink has chosen the leaving nodes when it answers, and no task that comes later starts there", async () => {
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  await client.task.addCollection(
    "job",
    [0, 1, 2].map((id) => ({ id: `long${id}`, commandLine: "sleep 600" })),
  );
  await until(
    () => client.task.list("job"),
    (tasks) => tasks.every(({ state }) => state === "running"),
  );
  await client.pool.resize("pool", { targetDedicatedNodes: 1, nodeDeallocationOption: "taskcompletion" });
  const gone = await leaving();
  expect(gone).toHaveLength(2);
  await client.task.add("job", { id: "late", commandLine: "true" });
  for (const id of ["long0", "long1", "long2"]) await client.task.terminate("job", id);
  const late = await until(
    () => client.task.get("job", "late"),
    ({ state }) => state === "completed",
  );
  expect(gone).not.toContain(late.nodeInfo?.nodeId);
});

test("neither does a formula leave it to a later round", async () => {
  await client.pool.enableAutoScale("pool", { autoScaleFormula: "$TargetDedicatedNodes = 1;" });
  const nodes = await client.computeNode.list("pool");
  expect(nodes.filter(({ state }) => state !== "leavingpool")).toHaveLength(1);
});
