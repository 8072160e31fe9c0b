import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { scriptedAgent, scriptedNodes } from "./scripted-agent.ts";

vi.setConfig({ testTimeout: 60_000 });

const nodes = scriptedNodes();
let service: RunningService;
let client: BatchServiceClient;
let agent: Awaited<ReturnType<typeof scriptedAgent>>;

beforeAll(async () => {
  service = await runningService({ provider: nodes.provider });
  client = batchClient(service);
  await client.pool.add(aPool("pool", { taskSlotsPerNode: 2 }));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  agent = await scriptedAgent(service.url, await nodes.first());
});
afterAll(async () => {
  agent.close();
  await service[Symbol.asyncDispose]();
});

const containerOf = async (taskId: string) => (await client.task.get("job", taskId)).executionInfo?.containerInfo;

test("a container is shown although the row of its task was held when the agent told of it", async () => {
  const runs: string[] = [];
  for (const id of ["held", "free"]) {
    await client.task.add("job", { id, commandLine: "true" });
    runs.push((await agent.run(runs.length + 1)).runId);
  }
  const [held = "", free = ""] = runs;
  const contained = (runId: string) => ({
    type: "contained",
    runId,
    container: { containerId: "c", state: "running" },
  });
  await service.database.begin(async (sql) => {
    await sql`select from task where run_id = ${held} for update`;
    agent.say(contained(held), contained(free));
    await until(
      () => containerOf("free"),
      (info) => info !== undefined,
    );
    expect(await containerOf("held")).toBeUndefined();
  });
  const shown = await until(
    () => containerOf("held"),
    (info) => info !== undefined,
  );
  expect(shown).toMatchObject({ containerId: "c", state: "running" });
});
