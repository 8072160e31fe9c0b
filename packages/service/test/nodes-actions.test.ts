import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, send, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 120_000 });

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const sh = (script: string) => `/bin/sh -c '${script}'`;
const patience = 60;

/** A pool of its own with idle nodes, and a job on it. */
async function poolWithNodes(id: string, more: object = {}): Promise<readonly string[]> {
  await client.pool.add(aPool(id, more));
  await client.job.add({ id, poolInfo: { poolId: id } });
  const nodes = await until(
    () => client.computeNode.list(id),
    (all) => all.length > 0 && all.every(({ state }) => state === "idle"),
    patience,
  );
  return nodes.map((node) => node.id ?? "");
}

const nodeIs = (poolId: string, nodeId: string, state: string) =>
  until(
    () => client.computeNode.get(poolId, nodeId),
    (node) => node.state === state,
    patience,
  );

const taskIs = (jobId: string, taskId: string, state: string) =>
  until(
    () => client.task.get(jobId, taskId),
    (task) => task.state === state,
    patience,
  );

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => "no error",
    (error: { code?: string }) => error.code,
  );

const action = (poolId: string, nodeId: string, name: string, body?: object) =>
  send(client, "POST", `/pools/${poolId}/nodes/${nodeId}/${name}`, { body });

describe("reboot", () => {
  test("puts running tasks back into the queue, runs the start task as the pool has it now, and keeps files", async () => {
    const [node = ""] = await poolWithNodes("reboot", {
      startTask: { commandLine: sh("echo one"), waitForSuccess: true },
    });
    await client.task.add("reboot", {
      id: "t",
      commandLine: sh("[ -e $AZ_BATCH_NODE_SHARED_DIR/x ] || { touch $AZ_BATCH_NODE_SHARED_DIR/x; sleep 600; }"),
    });
    await taskIs("reboot", "t", "running");
    await nodeIs("reboot", node, "running");
    const before = await client.computeNode.get("reboot", node);
    await until(
      () => readdir(join(service.nodesDirectory, node, "root/shared")),
      (names) => names.includes("x"),
    );
    await client.computeNode.reboot("reboot", node);
    const { executionInfo } = await taskIs("reboot", "t", "completed");
    expect(executionInfo).toMatchObject({ result: "success", requeueCount: 1, retryCount: 0 });
    const after = await nodeIs("reboot", node, "idle");
    expect(after.lastBootTime?.getTime()).toBeGreaterThan(before.lastBootTime?.getTime() ?? Number.NaN);
    expect(after.allocationTime).toEqual(before.allocationTime);
    expect(after.recentTasks).toMatchObject([
      { jobId: "reboot", taskId: "t", taskState: "completed", executionInfo: { exitCode: 0 } },
    ]);
  });

  test("with terminate ends running tasks for good", async () => {
    const [node = ""] = await poolWithNodes("reboot-terminate");
    await client.task.add("reboot-terminate", { id: "t", commandLine: "sleep 600" });
    await taskIs("reboot-terminate", "t", "running");
    await client.computeNode.reboot("reboot-terminate", node, { nodeRebootOption: "terminate" });
    const { executionInfo } = await taskIs("reboot-terminate", "t", "completed");
    expect(executionInfo).toMatchObject({ result: "failure", failureInfo: { code: "TaskEnded" } });
    await nodeIs("reboot-terminate", node, "idle");
  });

  test("with taskcompletion waits for running tasks and takes no new ones meanwhile", async () => {
    const [node = ""] = await poolWithNodes("reboot-wait", { taskSlotsPerNode: 2 });
    const before = await client.computeNode.get("reboot-wait", node);
    const wait = sh("while [ ! -e $AZ_BATCH_NODE_SHARED_DIR/go ]; do sleep 0.05; done");
    await client.task.add("reboot-wait", { id: "first", commandLine: wait });
    await taskIs("reboot-wait", "first", "running");
    await client.computeNode.reboot("reboot-wait", node, { nodeRebootOption: "taskcompletion" });
    await client.task.add("reboot-wait", { id: "second", commandLine: "true" });
    expect(await client.computeNode.get("reboot-wait", node)).toMatchObject({
      state: "running",
      schedulingState: "enabled",
      lastBootTime: before.lastBootTime,
    });
    expect((await client.task.get("reboot-wait", "second")).state).toBe("active");
    await writeFile(join(service.nodesDirectory, node, "root/shared/go"), "");
    expect((await taskIs("reboot-wait", "first", "completed")).executionInfo).toMatchObject({ result: "success" });
    expect((await taskIs("reboot-wait", "second", "completed")).executionInfo).toMatchObject({ result: "success" });
    const after = await nodeIs("reboot-wait", node, "idle");
    expect(after.lastBootTime?.getTime()).toBeGreaterThan(before.lastBootTime?.getTime() ?? Number.NaN);
  });
});

test("a later action replaces one that still waits for tasks", async () => {
  const [node = ""] = await poolWithNodes("replaced");
  const before = await client.computeNode.get("replaced", node);
  const commandLine = sh("until [ -e $AZ_BATCH_NODE_SHARED_DIR/go ]; do sleep 0.05; done");
  await client.task.add("replaced", { id: "t", commandLine });
  await taskIs("replaced", "t", "running");
  await client.computeNode.reboot("replaced", node, { nodeRebootOption: "taskcompletion" });
  const deallocation = { nodeDeallocateOption: "taskcompletion" };
  expect(await action("replaced", node, "deallocate", deallocation)).toMatchObject({ status: 202 });
  await writeFile(join(service.nodesDirectory, node, "root/shared/go"), "");
  await until(
    () => send(client, "GET", `/pools/replaced/nodes/${node}`),
    (answer) => JSON.stringify(answer.body).includes('"deallocated"'),
    patience,
  );
  expect((await client.computeNode.get("replaced", node)).lastBootTime).toEqual(before.lastBootTime);
  expect((await client.task.get("replaced", "t")).executionInfo).toMatchObject({ result: "success", requeueCount: 0 });
});

test("with retaineddata a node waits until the files of its tasks need no longer be kept", async () => {
  const [node = ""] = await poolWithNodes("reboot-retained");
  const before = await client.computeNode.get("reboot-retained", node);
  await client.task.add("reboot-retained", { id: "t", commandLine: "true", constraints: { retentionTime: "PT3S" } });
  const { executionInfo } = await taskIs("reboot-retained", "t", "completed");
  await client.computeNode.reboot("reboot-retained", node, { nodeRebootOption: "retaineddata" });
  const after = await until(
    () => client.computeNode.get("reboot-retained", node),
    ({ lastBootTime }) => lastBootTime?.getTime() !== before.lastBootTime?.getTime(),
    patience,
  );
  const keptUntil = (executionInfo?.endTime?.getTime() ?? Number.NaN) + 3000;
  expect(after.lastBootTime?.getTime()).toBeGreaterThanOrEqual(keptUntil);
});

describe("reimage", () => {
  test("is refused on machines in older versions", async () => {
    const [node = ""] = await poolWithNodes("reimage-old", { targetDedicatedNodes: 1 });
    expect(await codeOf(client.computeNode.reimage("reimage-old", node))).toBe("OperationNotValidOnNode");
  });

  test("sets the node up anew, its files lost, under the same id", async () => {
    const [node = ""] = await poolWithNodes("reimage", {
      startTask: { commandLine: sh("date +%s%N > $AZ_BATCH_NODE_SHARED_DIR/up") },
    });
    await client.task.add("reimage", { id: "t", commandLine: sh("touch $AZ_BATCH_NODE_SHARED_DIR/mine") });
    await taskIs("reimage", "t", "completed");
    const before = await nodeIs("reimage", node, "idle");
    expect(await action("reimage", node, "reimage")).toMatchObject({ status: 202 });
    const after = await until(
      () => client.computeNode.get("reimage", node),
      ({ state, lastBootTime }) => state === "idle" && lastBootTime?.getTime() !== before.lastBootTime?.getTime(),
      patience,
    );
    expect(after.allocationTime).toEqual(before.allocationTime);
    expect(await readdir(join(service.nodesDirectory, node, "root/shared"))).toEqual(["up"]);
    expect(await codeOf(client.file.getPropertiesFromTask("reimage", "t", "stdout.txt"))).not.toBe("no error");
  });
});

describe("deallocate and start", () => {
  test("a released node keeps its place and its files, has no agent, and comes back under its id", async () => {
    const [node = ""] = await poolWithNodes("release");
    await client.task.add("release", { id: "t", commandLine: sh("touch $AZ_BATCH_NODE_SHARED_DIR/mine; sleep 600") });
    await taskIs("release", "t", "running");
    const shared = join(service.nodesDirectory, node, "root/shared");
    await until(
      () => readdir(shared),
      (names) => names.includes("mine"),
      patience,
    );
    const before = await client.computeNode.get("release", node);
    expect(await action("release", node, "start")).toMatchObject({ status: 409, code: "OperationNotValidOnNode" });
    expect(await action("release", node, "deallocate", { nodeDeallocateOption: "Terminate" })).toMatchObject({
      status: 202,
    });
    const released = await until(
      () => send(client, "GET", `/pools/release/nodes/${node}`),
      ({ body }) => JSON.stringify(body).includes('"deallocated"'),
      patience,
    );
    expect(released.body).toMatchObject({ schedulingState: "disabled" });
    expect((await client.task.get("release", "t")).executionInfo).toMatchObject({ failureInfo: { code: "TaskEnded" } });
    expect(await service.service.provider.list()).toContainEqual({ nodeId: node, state: "ended" });
    expect((await client.pool.get("release")).currentDedicatedNodes).toBe(1);
    expect(await codeOf(client.computeNode.reboot("release", node))).toBe("OperationNotValidOnNode");
    expect(await action("release", node, "start")).toMatchObject({ status: 202 });
    const back = await nodeIs("release", node, "idle");
    expect(back).toMatchObject({ schedulingState: "enabled", allocationTime: before.allocationTime });
    expect(back.lastBootTime?.getTime()).toBeGreaterThan(before.lastBootTime?.getTime() ?? Number.NaN);
    expect(await readdir(shared)).toEqual(["mine"]);
  });
});

describe("scheduling", () => {
  test("disabled with requeue takes the tasks away, and nothing is placed until it is enabled again", async () => {
    const [node = ""] = await poolWithNodes("closed");
    await client.task.add("closed", { id: "t", commandLine: "sleep 600" });
    await taskIs("closed", "t", "running");
    await client.computeNode.disableScheduling("closed", node);
    expect(await nodeIs("closed", node, "offline")).toMatchObject({
      schedulingState: "disabled",
      runningTasksCount: 0,
    });
    expect(await client.task.get("closed", "t")).toMatchObject({ state: "active", executionInfo: { requeueCount: 1 } });
    expect(await codeOf(client.computeNode.disableScheduling("closed", node))).toBe(
      "NodeAlreadyInTargetSchedulingState",
    );
    await client.computeNode.reboot("closed", node);
    const booted = await until(
      () => client.computeNode.get("closed", node),
      ({ state }) => state === "offline",
      patience,
    );
    expect(booted.schedulingState).toBe("disabled");
    await client.computeNode.enableScheduling("closed", node);
    await taskIs("closed", "t", "running");
    expect(await codeOf(client.computeNode.enableScheduling("closed", node))).toBe(
      "NodeAlreadyInTargetSchedulingState",
    );
    await client.task.terminate("closed", "t");
  });

  test("disabled with terminate completes the tasks as failed", async () => {
    const [node = ""] = await poolWithNodes("closed-terminate");
    await client.task.add("closed-terminate", { id: "t", commandLine: "sleep 600" });
    await taskIs("closed-terminate", "t", "running");
    await client.computeNode.disableScheduling("closed-terminate", node, { nodeDisableSchedulingOption: "terminate" });
    expect(await client.task.get("closed-terminate", "t")).toMatchObject({
      state: "completed",
      executionInfo: { result: "failure", failureInfo: { code: "TaskEnded" } },
    });
    await nodeIs("closed-terminate", node, "offline");
  });

  test("disabled with taskcompletion lets tasks finish, then the node is offline", async () => {
    const [node = ""] = await poolWithNodes("closed-wait");
    await client.task.add("closed-wait", { id: "t", commandLine: "sleep 1" });
    await taskIs("closed-wait", "t", "running");
    await client.computeNode.disableScheduling("closed-wait", node, { nodeDisableSchedulingOption: "taskcompletion" });
    expect(await client.computeNode.get("closed-wait", node)).toMatchObject({ schedulingState: "disabled" });
    await nodeIs("closed-wait", node, "offline");
    expect((await client.task.get("closed-wait", "t")).executionInfo).toMatchObject({ result: "success" });
  });
});

test("an action on a node that is not there is refused, and so is one on a node that is not up", async () => {
  await client.pool.add(aPool("slow", { startTask: { commandLine: "sleep 600", waitForSuccess: true } }));
  const [node] = await until(
    () => client.computeNode.list("slow"),
    (all) => all[0]?.state === "waitingforstarttask",
    patience,
  );
  const id = node?.id ?? "";
  expect(await codeOf(client.computeNode.reboot("slow", id))).toBe("NodeBeingStarted");
  expect(await codeOf(client.computeNode.reboot("slow", "tvm-none"))).toBe("NodeNotFound");
  expect(await codeOf(client.computeNode.reboot("none", id))).toBe("PoolNotFound");
  for (const name of ["reimage", "deallocate"])
    expect(await action("slow", id, name)).toMatchObject({ status: 409, code: "NodeBeingStarted" });
  for (const name of ["reboot", "reimage", "deallocate", "start", "disablescheduling", "enablescheduling"])
    expect(await action("slow", "tvm-none", name)).toMatchObject({ status: 404, code: "NodeNotFound" });
});
