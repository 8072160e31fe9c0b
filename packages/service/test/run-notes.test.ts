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
  await client.pool.add(aPool("pool", { taskSlotsPerNode: 4 }));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  agent = await scriptedAgent(service.url, await nodes.first());
});
afterAll(async () => {
  agent.close();
  await service[Symbol.asyncDispose]();
});

const startTime = new Date(Date.now() - 60_000);
/** What is looked at of `executionInfo`. */
type Info =
  | { readonly startTime?: Date | undefined; readonly containerInfo?: { readonly containerId?: string | undefined } }
  | undefined;

test.each([
  {
    what: "a container",
    report: { type: "contained", container: { containerId: "c", state: "running" } },
    isShown: (info: Info) => info?.containerInfo?.containerId === "c",
  },
  {
    what: "the time of a real start",
    report: { type: "started", startTime: startTime.toISOString() },
    isShown: (info: Info) => info?.startTime?.getTime() === startTime.getTime(),
  },
])("$what is shown although the row of its task was held when the agent told of it", async ({ report, isShown }) => {
  const infoOf = async (taskId: string) => (await client.task.get("job", taskId)).executionInfo;
  const before = (await client.task.list("job")).length;
  const run = async (kind: string, count: number) => {
    const id = `${kind}-${report.type}`;
    await client.task.add("job", { id, commandLine: "true" });
    return { id, runId: (await agent.run(before + count)).runId };
  };
  const held = await run("held", 1);
  const free = await run("free", 2);
  await service.database.begin(async (sql) => {
    await sql`select from task where run_id = ${held.runId} for update`;
    agent.say({ ...report, runId: held.runId }, { ...report, runId: free.runId });
    await until(() => infoOf(free.id), isShown);
    expect(isShown(await infoOf(held.id))).toBe(false);
  });
  await until(() => infoOf(held.id), isShown);
});
