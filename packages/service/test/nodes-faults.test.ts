import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BatchServiceClient } from "@azure/batch";
import { isRunning, type ProcessRecord, processesWithVariable, signalProcess } from "@kyanite/runtime";
import { agentOfNode, aPool, batchClient, type RunningService, runningService, send, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 120_000 });

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService({
    nodesPerHost: 1,
    settings: { heartbeatSeconds: 1, nodeSilentSeconds: 3, nodeRecoverySeconds: 30 },
  });
  client = batchClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const sh = (script: string) => `/bin/sh -c '${script}'`;
const patience = 60;
const fileOf = (nodeId: string, path: string) => join(service.nodesDirectory, nodeId, path);
const waitForGo = "until [ -e $AZ_BATCH_NODE_ROOT_DIR/go ]; do sleep 0.05; done";
const go = (nodeId: string) => writeFile(fileOf(nodeId, "root/go"), "");

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

async function agentOf(nodeId: string): Promise<ProcessRecord> {
  const agent = await agentOfNode(service.nodesDirectory, nodeId);
  if (!agent) throw new Error(`${nodeId} has no agent`);
  return agent;
}

/** Whatever runs on behalf of a node's tasks. */
const processesOf = (nodeId: string) => processesWithVariable("AZ_BATCH_NODE_ROOT_DIR", fileOf(nodeId, "root"));

const noProcessOf = (nodeId: string) =>
  until(
    async () => processesOf(nodeId),
    (processes) => processes.length === 0,
    patience,
  );

test("a silent node is given up, its task runs elsewhere, and when it is heard of again it is used again", async () => {
  const nodes = await poolWithNodes("silent", { targetDedicatedNodes: 2 });
  await client.task.add("silent", { id: "t", commandLine: sh(waitForGo) });
  const { nodeInfo } = await taskIs("silent", "t", "running");
  const [silent = "", other = ""] = [nodeInfo?.nodeId, nodes.find((id) => id !== nodeInfo?.nodeId)];
  await until(
    async () => processesOf(silent),
    (processes) => processes.length > 0,
    patience,
  );
  const agent = await agentOf(silent);
  signalProcess(agent, "SIGSTOP");
  await nodeIs("silent", silent, "unknown");
  const moved = await until(
    () => client.task.get("silent", "t"),
    (task) => task.state === "running" && task.nodeInfo?.nodeId === other,
    patience,
  );
  expect(moved.executionInfo).toMatchObject({ retryCount: 0, requeueCount: 0 });
  signalProcess(agent, "SIGCONT");
  await nodeIs("silent", silent, "idle");
  await noProcessOf(silent);
  expect(await agentOf(silent)).toEqual(agent);
  expect((await client.task.get("silent", "t")).nodeInfo?.nodeId).toBe(other);
  await go(other);
  expect((await taskIs("silent", "t", "completed")).executionInfo).toMatchObject({ result: "success" });
});

test("a node whose start task still runs when it comes back waits for it", async () => {
  await client.pool.add(aPool("waiting", { startTask: { commandLine: sh(waitForGo), waitForSuccess: true } }));
  const [node] = await until(
    () => client.computeNode.list("waiting"),
    (all) => all[0]?.state === "waitingforstarttask",
    patience,
  );
  const id = node?.id ?? "";
  const agent = await agentOf(id);
  signalProcess(agent, "SIGSTOP");
  await nodeIs("waiting", id, "unknown");
  signalProcess(agent, "SIGCONT");
  await nodeIs("waiting", id, "waitingforstarttask");
  await go(id);
  expect((await nodeIs("waiting", id, "idle")).startTaskInfo).toMatchObject({ state: "completed", result: "success" });
});

test("a node that does not come back is restarted by its provider", async () => {
  await using own = await runningService({
    settings: { heartbeatSeconds: 1, nodeSilentSeconds: 3, nodeRecoverySeconds: 1 },
  });
  const batch = batchClient(own);
  await batch.pool.add(aPool("stuck"));
  await batch.job.add({ id: "stuck", poolInfo: { poolId: "stuck" } });
  await batch.task.add("stuck", { id: "t", commandLine: sh(waitForGo) });
  const task = await until(
    () => batch.task.get("stuck", "t"),
    ({ state }) => state === "running",
    patience,
  );
  const id = task.nodeInfo?.nodeId ?? "";
  const root = join(own.nodesDirectory, id, "root");
  const ofNode = async () => processesWithVariable("AZ_BATCH_NODE_ROOT_DIR", root);
  const [left] = await until(ofNode, (processes) => processes.length > 0, patience);
  const agent = await agentOfNode(own.nodesDirectory, id);
  if (!agent || !left) throw new Error("nothing runs");
  signalProcess(agent, "SIGSTOP");
  await until(
    async () => isRunning(agent),
    (isStillRunning) => !isStillRunning,
    patience,
  );
  await until(
    () => batch.task.get("stuck", "t"),
    ({ state, nodeInfo }) => state === "running" && nodeInfo?.nodeId === id,
    patience,
  );
  expect(isRunning(left)).toBe(false);
  await writeFile(join(root, "go"), "");
  const done = await until(
    () => batch.task.get("stuck", "t"),
    ({ state }) => state === "completed",
    patience,
  );
  expect(done.executionInfo).toMatchObject({ result: "success", retryCount: 0 });
});

test("a service that was away blames no node for its silence, and finds them from its new address", async () => {
  const [node = ""] = await poolWithNodes("away");
  await client.task.add("away", { id: "t", commandLine: sh(waitForGo) });
  await taskIs("away", "t", "running");
  const before = service.url;
  await service.restart(async () => {
    await service.database`update node set last_seen = now() - interval '1 hour'`;
    await go(node);
  });
  expect(service.url).not.toBe(before);
  client = batchClient(service);
  const { executionInfo } = await taskIs("away", "t", "completed");
  expect(executionInfo).toMatchObject({ result: "success", retryCount: 0, requeueCount: 0 });
  expect((await nodeIs("away", node, "idle")).lastBootTime).toBeDefined();
});

describe("start tasks", () => {
  test("one that fails is tried again as often as it may, then the node is of no use until it is mended and rebooted", async () => {
    await client.pool.add(
      aPool("broken", {
        startTask: {
          commandLine: sh("echo x >> $AZ_BATCH_NODE_SHARED_DIR/tries; exit 3"),
          waitForSuccess: true,
          maxTaskRetryCount: 2,
        },
      }),
    );
    const [node] = await until(
      () => client.computeNode.list("broken"),
      (all) => all[0]?.state === "starttaskfailed",
      patience,
    );
    expect(node?.startTaskInfo).toMatchObject({
      state: "completed",
      exitCode: 3,
      result: "failure",
      retryCount: 2,
      failureInfo: { category: "UserError", code: "FailureExitCode" },
    });
    const id = node?.id ?? "";
    await client.pool.patch("broken", {
      startTask: { commandLine: sh("test $(wc -l < $AZ_BATCH_NODE_SHARED_DIR/tries) = 3"), waitForSuccess: true },
    });
    expect((await client.computeNode.get("broken", id)).startTask?.maxTaskRetryCount).toBe(2);
    await client.computeNode.reboot("broken", id);
    const mended = await nodeIs("broken", id, "idle");
    expect(mended.startTask?.maxTaskRetryCount).toBe(0);
    expect(mended.startTaskInfo).toMatchObject({ result: "success", retryCount: 0, exitCode: 0 });
  });

  test("one that nobody waits for does not keep tasks away, though it fails", async () => {
    const startTask = { commandLine: sh(`${waitForGo}; exit 1`), waitForSuccess: false };
    const [node = ""] = await poolWithNodes("careless", { startTask });
    expect((await client.computeNode.get("careless", node)).startTaskInfo).toMatchObject({ state: "running" });
    await client.task.add("careless", { id: "t", commandLine: "true" });
    await taskIs("careless", "t", "completed");
    await go(node);
    const done = await until(
      () => client.computeNode.get("careless", node),
      ({ startTaskInfo }) => startTaskInfo?.state === "completed",
      patience,
    );
    expect(done).toMatchObject({ state: "idle", startTaskInfo: { result: "failure", exitCode: 1 } });
  });

  test("one that hangs ends with its pool", async () => {
    await client.pool.add(aPool("hanging", { startTask: { commandLine: "sleep 600", waitForSuccess: true } }));
    const [node] = await until(
      () => client.computeNode.list("hanging"),
      (all) => all[0]?.state === "waitingforstarttask",
      patience,
    );
    const id = node?.id ?? "";
    await until(
      async () => processesOf(id),
      (processes) => processes.length > 0,
      patience,
    );
    await client.pool.deleteMethod("hanging");
    await until(
      () => client.pool.exists("hanging"),
      ({ body }) => body === false,
      patience,
    );
    await noProcessOf(id);
    expect(existsSync(fileOf(id, "."))).toBe(false);
  });
});

const canMount = process.getuid?.() === 0 && tryMount();
if (!canMount) console.warn("a node's full disk is not tested: only who may mount file systems can");

function tryMount(): boolean {
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!canMount)("a full disk", () => {
  test("fails the task and takes the node out of use until there is room again, while others go on", async () => {
    const nodes = await poolWithNodes("full", { targetDedicatedNodes: 2 });
    const [node = "", other = ""] = nodes;
    await send(client, "POST", `/pools/full/nodes/${node}/deallocate`);
    await until(
      () => service.service.provider.list(),
      (all) => all.some(({ nodeId, state }) => nodeId === node && state === "ended"),
      patience,
    );
    const root = fileOf(node, "root");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", root]);
    try {
      await until(
        () => send(client, "POST", `/pools/full/nodes/${node}/start`),
        ({ status }) => status === 202,
        patience,
      );
      await nodeIs("full", node, "idle");
      const { affinityId = "" } = await client.computeNode.get("full", node);
      const affinityInfo = { affinityId };
      await client.task.add("full", {
        id: "t",
        affinityInfo,
        commandLine: sh("head -c 100m /dev/zero > $AZ_BATCH_NODE_SHARED_DIR/big"),
      });
      expect((await taskIs("full", "t", "completed")).executionInfo).toMatchObject({
        result: "failure",
        failureInfo: { code: "DiskFull" },
      });
      expect((await nodeIs("full", node, "unusable")).errors).toMatchObject([{ code: "DiskFull" }]);
      await client.task.add("full", { id: "elsewhere", affinityInfo, commandLine: "true" });
      expect((await taskIs("full", "elsewhere", "completed")).nodeInfo?.nodeId).toBe(other);
      await client.file.deleteFromComputeNode("full", node, "shared/big");
      expect((await nodeIs("full", node, "idle")).errors).toBeUndefined();
    } finally {
      await client.pool.deleteMethod("full");
      execFileSync("umount", ["-l", root]);
    }
  });
});
