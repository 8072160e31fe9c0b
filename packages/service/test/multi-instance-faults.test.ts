import { join } from "node:path";
import type { BatchServiceClient } from "@azure/batch";
import { processesWithVariable, signalProcess } from "@kyanite/runtime";
import { agentOfNode, aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 120_000 });

let service: RunningService;
let client: BatchServiceClient;
const patience = 60;

beforeAll(async () => {
  service = await runningService({ nodesPerHost: 1, settings: { heartbeatSeconds: 1, nodeSilentSeconds: 3 } });
  client = batchClient(service);
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 3, enableInterNodeCommunication: true }));
  await until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.length === 3 && nodes.every(({ state }) => state === "idle"),
    patience,
  );
});
afterAll(() => service[Symbol.asyncDispose]());

const poolInfo = { poolId: "pool" };
const sh = (script: string) => `/bin/sh -c '${script}'`;
const aGang = (id: string, more: object = {}) => ({
  id,
  commandLine: "sleep 300",
  multiInstanceSettings: { numberOfInstances: 3, coordinationCommandLine: "true" },
  ...more,
});
const taskIs = (jobId: string, taskId: string, state: string) =>
  until(
    () => client.task.get(jobId, taskId),
    (task) => task.state === state,
    patience,
  );
/** Whatever runs on behalf of a node's tasks. */
const processesOf = (nodeId: string) =>
  processesWithVariable("AZ_BATCH_NODE_ROOT_DIR", join(service.nodesDirectory, nodeId, "root"));
const nodesAreIdle = () =>
  until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.every(({ state, runningTasksCount }) => state === "idle" && runningTasksCount === 0),
    patience,
  );

describe("what ends a multi-instance task from outside", () => {
  test("the loss of a node of any instance puts the whole task back into the queue, and no retry is spent", async () => {
    await client.job.add({ id: "lost", poolInfo });
    await client.task.add("lost", aGang("t", { commandLine: sh("sleep 300") }));
    const before = await taskIs("lost", "t", "running");
    const [subtask] = (await client.task.listSubtasks("lost", "t")).value ?? [];
    const nodeId = subtask?.nodeInfo?.nodeId ?? "";
    await until(
      async () => processesOf(before.nodeInfo?.nodeId ?? ""),
      (processes) => processes.length > 0,
      patience,
    );
    const agent = await agentOfNode(service.nodesDirectory, nodeId);
    if (!agent) throw new Error("no agent");
    signalProcess(agent, "SIGSTOP");
    await until(
      () => client.computeNode.get("pool", nodeId),
      ({ state }) => state === "unknown",
      patience,
    );
    signalProcess(agent, "SIGCONT");
    const after = await until(
      () => client.task.get("lost", "t"),
      ({ state, stateTransitionTime }) =>
        state === "running" && stateTransitionTime?.getTime() !== before.stateTransitionTime?.getTime(),
      patience,
    );
    expect(after.executionInfo).toMatchObject({ retryCount: 0, requeueCount: 0 });
    expect((await client.task.listSubtasks("lost", "t")).value).toHaveLength(2);
    await client.job.deleteMethod("lost");
    await nodesAreIdle();
  });

  test("a disabled job requeues it, an enabled one runs it again, and its end ends it everywhere", async () => {
    await client.job.add({ id: "moved", poolInfo });
    await client.task.add("moved", aGang("t"));
    await taskIs("moved", "t", "running");
    await client.job.disable("moved", "requeue");
    const active = await taskIs("moved", "t", "active");
    expect(active.executionInfo).toMatchObject({ requeueCount: 1, retryCount: 0 });
    expect((await client.task.listSubtasks("moved", "t")).value).toEqual([]);
    await nodesAreIdle();
    await client.job.enable("moved");
    await taskIs("moved", "t", "running");
    await client.job.terminate("moved");
    expect((await taskIs("moved", "t", "completed")).executionInfo?.failureInfo?.code).toBe("TaskEnded");
    const subtasks = (await client.task.listSubtasks("moved", "t")).value ?? [];
    expect(subtasks.map(({ state }) => state)).toEqual(["completed", "completed"]);
    await nodesAreIdle();
  });

  test("it starts when the job's preparation is done on all of its nodes", async () => {
    await client.job.add({
      id: "prepared",
      poolInfo,
      jobPreparationTask: { commandLine: sh("sleep 0.3; echo ready > ready"), waitForSuccess: true },
    });
    await client.task.add(
      "prepared",
      aGang("t", {
        commandLine: sh("cat $AZ_BATCH_JOB_PREP_WORKING_DIR/ready"),
        multiInstanceSettings: {
          numberOfInstances: 3,
          coordinationCommandLine: sh("cat $AZ_BATCH_JOB_PREP_WORKING_DIR/ready"),
        },
      }),
    );
    expect((await taskIs("prepared", "t", "completed")).executionInfo).toMatchObject({ exitCode: 0 });
    const subtasks = (await client.task.listSubtasks("prepared", "t")).value ?? [];
    expect(subtasks.map(({ result }) => result)).toEqual(["success", "success"]);
    await nodesAreIdle();
  });
});

describe("a job that allows preemption", () => {
  test("gives its nodes to a job of higher priority, and runs again afterwards without having spent a retry", async () => {
    await client.job.add({ id: "low", poolInfo, priority: -10, allowTaskPreemption: true });
    await client.job.add({ id: "fixed", poolInfo, priority: -5 });
    await client.job.add({ id: "high", poolInfo, priority: 10 });
    await client.task.add("fixed", { id: "t", commandLine: "sleep 300" });
    await taskIs("fixed", "t", "running");
    await client.task.addCollection(
      "low",
      ["a", "b"].map((id) => ({ id, commandLine: "sleep 300" })),
    );
    for (const id of ["a", "b"]) await taskIs("low", id, "running");

    await client.task.add("high", { id: "t", commandLine: sh("sleep 0.2") });
    await taskIs("high", "t", "completed");
    const victims = await until(
      () => Promise.all(["a", "b"].map((id) => client.task.get("low", id))),
      (tasks) => tasks.every(({ state }) => state === "running"),
      patience,
    );
    expect(victims.map(({ executionInfo }) => executionInfo?.requeueCount).sort()).toEqual([0, 1]);
    expect(victims.every(({ executionInfo }) => executionInfo?.retryCount === 0)).toBe(true);
    expect((await client.task.get("fixed", "t")).executionInfo?.requeueCount).toBe(0);
  });

  test("leaves room for a multi-instance task too, and is left alone once it forbids it", async () => {
    const gang = (id: string) =>
      aGang(id, {
        commandLine: "true",
        multiInstanceSettings: { numberOfInstances: 2, coordinationCommandLine: "true" },
      });
    await client.task.add("high", gang("g1"));
    expect((await taskIs("high", "g1", "completed")).executionInfo?.result).toBe("success");
    for (const id of ["a", "b"]) await taskIs("low", id, "running");
    await client.job.patch("low", { allowTaskPreemption: false });
    await client.task.add("high", gang("g2"));
    await client.task.terminate("fixed", "t");
    await nodesAreFreed(1);
    expect((await client.task.get("high", "g2")).state).toBe("active");
    await client.task.terminate("low", "a");
    await taskIs("high", "g2", "completed");
    expect((await client.task.get("low", "b")).executionInfo?.requeueCount).toBeLessThanOrEqual(2);
  });
});

const nodesAreFreed = (count: number) =>
  until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.filter(({ state }) => state === "idle").length === count,
    patience,
  );
