import type { BatchServiceClient } from "@azure/batch";
import { batchClient, type RunningService, runningService, send, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const poolInfo = { poolId: "nowhere" };
let number = 0;

/** A job on a pool that does not exist, so that its tasks wait. */
async function aJob(more: object = {}): Promise<string> {
  const id = `job${++number}`;
  await client.job.add({ id, poolInfo, ...more });
  return id;
}

const inState = (id: string, state: string) =>
  until(
    () => client.job.get(id),
    (job) => job.state === state,
  );

const codeOf = (request: Promise<unknown>) =>
  request.then(
    () => "accepted",
    (error) => error.code,
  );

describe("changing a job", () => {
  const settings = {
    priority: 100,
    maxParallelTasks: 7,
    constraints: { maxWallClockTime: "PT1H", maxTaskRetryCount: 5 },
    metadata: [{ name: "owner", value: "me" }],
    displayName: "kept",
  };

  test("PATCH changes what is given and nothing else, constraints as a whole", async () => {
    const id = await aJob(settings);
    const before = await client.job.get(id);
    await client.job.patch(id, { priority: -5, constraints: { maxWallClockTime: "PT2H" } });
    const after = await client.job.get(id);
    expect(after).toMatchObject({
      priority: -5,
      maxParallelTasks: 7,
      constraints: { maxWallClockTime: "PT2H", maxTaskRetryCount: 0 },
      metadata: settings.metadata,
      displayName: "kept",
    });
    expect(after.eTag).not.toBe(before.eTag);
  });

  test("PATCH keeps a network that nodes do not join, and the job shows it", async () => {
    const id = await aJob();
    const networkConfiguration = { subnetId: "/subscriptions/s/subnets/n", skipWithdrawFromVNet: true };
    const version = "2024-07-01.20.0";
    expect((await send(client, "PATCH", `/jobs/${id}`, { version, body: { networkConfiguration } })).status).toBe(200);
    await client.job.patch(id, { priority: 1 });
    expect((await send(client, "GET", `/jobs/${id}`, { version })).body).toMatchObject({ networkConfiguration });
  });

  test("PUT takes what is left out back to its default, and keeps what cannot change", async () => {
    const id = await aJob(settings);
    await client.job.update(id, { poolInfo });
    const job = await client.job.get(id);
    expect(job).toMatchObject({
      priority: 0,
      maxParallelTasks: -1,
      constraints: { maxWallClockTime: "P10675199DT2H48M5.4775807S", maxTaskRetryCount: 0 },
      displayName: "kept",
    });
    expect(job.metadata).toBeUndefined();
  });

  test("a stale ETag changes nothing", async () => {
    const id = await aJob();
    const { eTag = "" } = await client.job.get(id);
    await client.job.patch(id, { priority: 1 });
    expect(await codeOf(client.job.patch(id, { priority: 2 }, { jobPatchOptions: { ifMatch: eTag } }))).toBe(
      "ConditionNotMet",
    );
    expect((await client.job.get(id)).priority).toBe(1);
  });

  test("only a disabled job moves to another pool, which need not exist; naming its own is always fine", async () => {
    const id = await aJob();
    await client.job.patch(id, { poolInfo: { poolId: "NoWhere" } });
    expect(await codeOf(client.job.patch(id, { poolInfo: { poolId: "other" } }))).toBe(
      "OperationInvalidForCurrentState",
    );
    await client.job.disable(id, "wait");
    await inState(id, "disabled");
    await client.job.patch(id, { poolInfo: { poolId: "other" } });
    const job = await client.job.get(id);
    expect(job.executionInfo?.poolId).toBe("other");
    expect(job.poolInfo).toEqual({ poolId: "other" });
  });

  test("a job that ends with its tasks stays one, even for a PUT that leaves it out", async () => {
    const id = await aJob();
    await client.task.add(id, { id: "waits", commandLine: "true" });
    await client.job.patch(id, { onAllTasksComplete: "terminatejob" });
    expect(await codeOf(client.job.patch(id, { onAllTasksComplete: "noaction" }))).toBe("InvalidPropertyValue");
    expect(await codeOf(client.job.update(id, { poolInfo }))).toBe("InvalidPropertyValue");
  });

  test("a job that has completed takes no change, no task and no second end", async () => {
    const id = await aJob();
    await client.task.add(id, { id: "waits", commandLine: "true" });
    await client.job.terminate(id);
    const job = await inState(id, "completed");
    expect(job.executionInfo).toMatchObject({ terminateReason: "UserTerminate", endTime: job.stateTransitionTime });
    expect(job.previousState).toBe("active");
    const requests = [
      client.job.patch(id, { priority: 1 }),
      client.job.update(id, { poolInfo }),
      client.job.disable(id, "wait"),
      client.job.enable(id),
      client.job.terminate(id),
      client.task.add(id, { id: "late", commandLine: "true" }),
    ];
    expect(new Set(await Promise.all(requests.map(codeOf)))).toEqual(new Set(["JobCompleted"]));
    expect((await client.task.get(id, "waits")).state).toBe("active");
  });

  test("an active job cannot be enabled", async () => {
    expect(await codeOf(client.job.enable(await aJob()))).toBe("OperationInvalidForCurrentState");
  });
});

describe("what ends a job", () => {
  test("a wall clock that a change has made too short", async () => {
    const id = await aJob();
    await client.job.patch(id, { constraints: { maxWallClockTime: "PT0.1S" } });
    const { executionInfo } = await inState(id, "completed");
    expect(executionInfo?.terminateReason).toBe("MaxWallClockTimeExpiry");
  });

  test("having no tasks, when it ends with its tasks; a task added at once is not too late", async () => {
    const empty = await aJob();
    const busy = await aJob();
    await client.job.patch(empty, { onAllTasksComplete: "terminatejob" });
    await client.job.patch(busy, { onAllTasksComplete: "terminatejob" });
    await client.task.add(busy, { id: "waits", commandLine: "true" });
    const { executionInfo } = await inState(empty, "completed");
    expect(executionInfo?.terminateReason).toBe("AllTasksCompleted");
    expect((await client.job.get(busy)).state).toBe("active");
    await client.task.terminate(busy, "waits");
    await inState(busy, "completed");
  });

  test("the deletion of the last task that was not complete", async () => {
    const id = await aJob();
    await client.task.add(id, { id: "waits", commandLine: "true" });
    await client.job.patch(id, { onAllTasksComplete: "terminatejob" });
    await client.task.deleteMethod(id, "waits");
    await inState(id, "completed");
  });
});

describe("changing a task", () => {
  test("PUT replaces all constraints; a body without any means the defaults", async () => {
    const id = await aJob({ constraints: { maxTaskRetryCount: 4 } });
    await client.task.add(id, { id: "t", commandLine: "true" });
    const before = await client.task.get(id, "t");
    expect(before.constraints?.maxTaskRetryCount).toBe(4);
    await client.task.update(id, "t", { constraints: { maxTaskRetryCount: -1, retentionTime: "PT1H" } });
    const after = await client.task.get(id, "t");
    expect(after.constraints).toEqual({
      maxWallClockTime: "P10675199DT2H48M5.4775807S",
      retentionTime: "PT1H",
      maxTaskRetryCount: -1,
    });
    expect(after.eTag).not.toBe(before.eTag);
    await client.task.update(id, "t", {});
    expect((await client.task.get(id, "t")).constraints).toMatchObject({ retentionTime: "P7D", maxTaskRetryCount: 0 });
  });

  test("a completed task cannot be changed or terminated, and a task that waits cannot be reactivated", async () => {
    const id = await aJob();
    await client.task.add(id, { id: "t", commandLine: "true" });
    expect(await codeOf(client.task.reactivate(id, "t"))).toBe("TaskNotCompleted");
    await client.task.terminate(id, "t");
    expect(await codeOf(client.task.update(id, "t", {}))).toBe("TaskCompleted");
    expect(await codeOf(client.task.terminate(id, "t"))).toBe("TaskCompleted");
    await client.task.reactivate(id, "t");
    const task = await client.task.get(id, "t");
    expect(task).toMatchObject({ state: "active", previousState: "completed" });
    expect(task.executionInfo).toEqual({ retryCount: 0, requeueCount: 0 });
  });
});
