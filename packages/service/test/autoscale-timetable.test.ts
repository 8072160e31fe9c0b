import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, send, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

const settings = { poolSampleSeconds: 1, autoScaleMinimumSeconds: 1, heartbeatSeconds: 1, nodeSilentSeconds: 30 };

const runNow = () => send(client, "POST", "/pools/following/runautoscale", { version: "2022-10-01.16.0" });

describe("a pool that follows its tasks", () => {
  const formula = [
    "$NodeDeallocationOption = taskcompletion;",
    "pending = max(0, $PendingTasks.GetSample(1));",
    "$TargetDedicatedNodes = min(2, pending);",
  ].join("\r\n");

  beforeAll(async () => {
    service = await runningService({ settings });
    client = batchClient(service);
    await client.pool.add({
      ...aPool("following"),
      targetDedicatedNodes: undefined,
      enableAutoScale: true,
      autoScaleFormula: formula,
      autoScaleEvaluationInterval: "PT1S",
    });
    await client.job.add({ id: "work", poolInfo: { poolId: "following" } });
  });
  afterAll(() => service[Symbol.asyncDispose]());

  test("grows when there are some, runs them, and shrinks when they are done", async () => {
    const ids = ["1", "2", "3", "4"];
    for (const id of ids) await client.task.add("work", { id, commandLine: "/bin/sh -c 'sleep 2'" });
    await until(
      () => client.pool.get("following"),
      ({ targetDedicatedNodes }) => targetDedicatedNodes === 2,
    );
    for (const id of ids)
      await until(
        () => client.task.get("work", id),
        ({ state }) => state === "completed",
        60,
      );
    const pool = await until(
      () => client.pool.get("following"),
      ({ currentDedicatedNodes, allocationState }) => currentDedicatedNodes === 0 && allocationState === "steady",
      60,
    );
    expect(pool.autoScaleRun?.results).toBe(
      "$TargetDedicatedNodes=0;$TargetLowPriorityNodes=0;$NodeDeallocationOption=taskcompletion;pending=0",
    );
    for (const id of ids)
      expect((await client.task.get("work", id)).executionInfo).toMatchObject({ result: "success", requeueCount: 0 });
  });

  test("an error stays on the pool, and the next run comes all the same", async () => {
    await client.pool.enableAutoScale("following", { autoScaleFormula: "$TargetDedicatedNodes = nothing;" });
    const failing = await until(
      () => client.pool.get("following"),
      ({ autoScaleRun }) => autoScaleRun?.error !== undefined,
    );
    expect(failing.autoScaleRun?.error).toMatchObject({
      code: "AutoScalingFormulaEvaluationError",
      values: [{ name: "Message", value: "Line 1, Col 25: The variable nothing has no value" }],
    });
    await until(
      () => client.pool.get("following"),
      ({ autoScaleRun }) => Number(autoScaleRun?.timestamp) > Number(failing.autoScaleRun?.timestamp),
    );
  });

  test("it is evaluated at once when somebody asks, and a hundred evaluations are kept", async () => {
    const { body } = await runNow();
    expect(body).toMatchObject({ trigger: "request", error: { code: "AutoScalingFormulaEvaluationError" } });
    const [pool] = await service.database<{ pk: number }[]>`select pk from pool where key = 'following'`;
    await service.database`
      insert into auto_scale_run (pool_pk, run)
      select ${pool?.pk ?? 0}, '{"timestamp": "2020-01-01T00:00:00Z"}' from generate_series(1, 150)`;
    await runNow();
    const first = await send(client, "GET", "/pools/following/autoscaleruns?maxresults=60");
    const second = await client.sendRequest({ method: "GET", url: nextLinkOf(first.body) });
    const all = [...runsOf(first.body), ...runsOf(JSON.parse(second.bodyAsText ?? "{}"))];
    expect(all).toHaveLength(100);
    expect(all[0]).toMatchObject({ statements: [{ text: "$TargetDedicatedNodes = nothing" }] });
    expect(all.at(-1)).toEqual({ timestamp: "2020-01-01T00:00:00Z" });
  });
});

interface RunPage {
  readonly value: readonly object[];
  readonly "odata.nextLink"?: string;
}

const isRunPage = (body: unknown): body is RunPage => typeof body === "object" && body !== null && "value" in body;
const runsOf = (body: unknown) => (isRunPage(body) ? body.value : []);
const nextLinkOf = (body: unknown) => (isRunPage(body) ? (body["odata.nextLink"] ?? "") : "");
