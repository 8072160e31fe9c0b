import type { BatchServiceClient } from "@azure/batch";
import { anAutoPool, batchClient, type RunningService, runningService, send, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 60_000 });

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService({ settings: { poolQuota: 6, heartbeatSeconds: 1 } });
  client = batchClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const patience = 30;
const emptyPool = anAutoPool({ targetDedicatedNodes: 0 });
let number = 0;

const poolInfoOf = (more: object = {}) => ({
  autoPoolSpecification: { poolLifetimeOption: "job" as const, autoPoolIdPrefix: "auto", pool: emptyPool, ...more },
});

async function aJob(more: object = {}): Promise<{ id: string; poolId: string }> {
  const id = `job${++number}`;
  await client.job.add({ id, poolInfo: poolInfoOf(more) });
  const { executionInfo } = await client.job.get(id);
  return { id, poolId: executionInfo?.poolId ?? "" };
}

const codeOf = (request: Promise<unknown>) =>
  request.then(
    () => "accepted",
    (error) => error.code,
  );

const poolIsGone = (id: string) =>
  until(
    () => codeOf(client.pool.get(id)),
    (code) => code === "PoolNotFound",
    patience,
  );

const jobIs = (id: string, state: string) =>
  until(
    () => client.job.get(id),
    (job) => job.state === state,
    patience,
  );

async function end(jobId: string): Promise<void> {
  await client.job.terminate(jobId);
  await jobIs(jobId, "completed");
}

describe("a job with an auto pool", () => {
  test("shows the specification with its defaults, and has its pool at once", async () => {
    const { id, poolId } = await aJob();
    expect(poolId).toMatch(/^auto_[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/);
    expect((await client.pool.get(poolId)).state).toBe("active");
    expect((await client.job.get(id)).poolInfo?.autoPoolSpecification).toMatchObject({
      autoPoolIdPrefix: "auto",
      poolLifetimeOption: "job",
      keepAlive: false,
      pool: {
        vmSize: "standard_d2s_v3",
        taskSlotsPerNode: 1,
        taskSchedulingPolicy: { nodeFillType: "Spread" },
        resizeTimeout: "PT15M",
        targetDedicatedNodes: 0,
        targetLowPriorityNodes: 0,
        enableAutoScale: false,
        enableInterNodeCommunication: false,
      },
    });
    await end(id);
    await poolIsGone(poolId);
    expect((await client.job.get(id)).executionInfo?.poolId).toBe(poolId);
  });

  test("without a prefix has a pool with a bare unique id; it goes with the job that is deleted", async () => {
    const { id, poolId } = await aJob({ autoPoolIdPrefix: undefined });
    expect(poolId).toMatch(/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/);
    await client.job.deleteMethod(id);
    await poolIsGone(poolId);
  });

  test("may change at any time whether its pool is kept, and nothing else of it while active", async () => {
    const { id, poolId } = await aJob();
    const patch = (more: object) => client.job.patch(id, { poolInfo: poolInfoOf(more) });
    await patch({});
    expect(await codeOf(patch({ autoPoolIdPrefix: "other" }))).toBe("OperationInvalidForCurrentState");
    expect(await codeOf(client.job.patch(id, { poolInfo: { poolId: "elsewhere" } }))).toBe(
      "OperationInvalidForCurrentState",
    );
    await patch({ keepAlive: true });
    expect((await client.job.get(id)).poolInfo?.autoPoolSpecification?.keepAlive).toBe(true);
    await end(id);
    const other = await aJob();
    await end(other.id);
    await poolIsGone(other.poolId);
    expect((await client.pool.get(poolId)).state).toBe("active");
    await client.pool.deleteMethod(poolId);
    await poolIsGone(poolId);
  });

  test("that is disabled moves to another auto pool, or to any pool, and leaves its old one behind to go", async () => {
    const { id, poolId } = await aJob();
    await client.job.disable(id, "requeue");
    await jobIs(id, "disabled");
    await client.job.update(id, { poolInfo: poolInfoOf({ autoPoolIdPrefix: "second" }) });
    const second = (await client.job.get(id)).executionInfo?.poolId ?? "";
    expect(second).toMatch(/^second_/);
    await poolIsGone(poolId);
    await client.job.patch(id, { poolInfo: { poolId: "elsewhere" } });
    await poolIsGone(second);
    expect((await client.job.get(id)).poolInfo).toEqual({ poolId: "elsewhere" });
    await end(id);
  });

  test("whose pool cannot be added is completed at once, and says why", async () => {
    const reference = { thumbprint: "0".repeat(40), thumbprintAlgorithm: "sha1" };
    const { id, poolId } = await aJob({ pool: { ...emptyPool, certificateReferences: [reference] } });
    const job = await client.job.get(id);
    expect(poolId).toBe("");
    expect(job).toMatchObject({
      state: "completed",
      previousState: "active",
      executionInfo: {
        endTime: job.stateTransitionTime,
        schedulingError: {
          category: "UserError",
          code: "InvalidCertificatesInAutoPool",
          details: [{ name: `sha1-${"0".repeat(40)}`, value: "The specified certificate does not exist." }],
        },
      },
    });
    expect(job.executionInfo?.terminateReason).toBeUndefined();
    expect(await codeOf(client.task.add(id, { id: "t", commandLine: "true" }))).toBe("JobCompleted");
  });

  test("a pool over the quota is a scheduling error of the job; the pools of others stay", async () => {
    const kept = await Promise.all(Array.from({ length: 6 }, () => aJob()));
    const { id } = await aJob();
    expect((await client.job.get(id)).executionInfo?.schedulingError?.code).toBe(
      "AutoPoolCreationFailedWithQuotaReached",
    );
    for (const job of kept) expect((await client.job.get(job.id)).state).toBe("active");
    await Promise.all(kept.map((job) => client.job.deleteMethod(job.id)));
    await Promise.all(kept.map((job) => poolIsGone(job.poolId)));
  });
});

describe("refused when the job is added", () => {
  const path = "poolInfo.autoPoolSpecification";

  test.each([
    [
      "a pool for all jobs of no schedule",
      { poolLifetimeOption: "jobschedule" },
      "InvalidPropertyValue",
      "poolLifetimeOption",
    ],
    ["a prefix that no id may have", { autoPoolIdPrefix: "a b" }, "InvalidPropertyValue", "autoPoolIdPrefix"],
    ["a long prefix", { autoPoolIdPrefix: "x".repeat(21) }, "InvalidPropertyValue", "autoPoolIdPrefix"],
    ["no pool", { pool: undefined }, "MissingRequiredProperty", "pool"],
    ["an unknown size", { pool: { ...emptyPool, vmSize: "none" } }, "InvalidPropertyValue", "pool.vmSize"],
    [
      "too many slots",
      { pool: { ...emptyPool, taskSlotsPerNode: 9 } },
      "InvalidPropertyValue",
      "pool.taskSlotsPerNode",
    ],
    ["what is not supported", { pool: { ...emptyPool, vmSkuProfile: {} } }, "UnsupportedProperty", "pool.vmSkuProfile"],
  ])("%s", async (_, more, code, property) => {
    const body = { id: "refused", poolInfo: poolInfoOf(more) };
    const answer = await send(client, "POST", "/jobs", { version: "2026-10-01", body });
    expect(answer).toMatchObject({ status: 400, code });
    expect(JSON.stringify(answer.body)).toContain(`"PropertyName","value":"${path}.${property}"`);
    expect(await codeOf(client.job.get("refused"))).toBe("JobNotFound");
  });
});
