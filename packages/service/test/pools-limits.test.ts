import { EventEmitter, once } from "node:events";
import type { BatchServiceClient } from "@azure/batch";
import type { Provider } from "@kyanite/providers";
import {
  agentOfNode,
  aPool,
  batchClient,
  type MovableClock,
  movableClock,
  type RunningService,
  runningService,
  send,
  steadyPool,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const sh = (script: string) => `/bin/sh -c '${script}'`;

const nodesOf = async (client: BatchServiceClient, id: string) => [...(await client.computeNode.list(id))];
const gone = (client: BatchServiceClient, id: string) =>
  until(
    () => client.pool.list(),
    (pools) => pools.every((pool) => pool.id !== id),
  );

describe("limits of an account", () => {
  let service: RunningService;
  let client: BatchServiceClient;
  beforeAll(async () => {
    const vmSizes = "standard_nc*=0,standard_d4s_v3=1,*=100";
    service = await runningService({ settings: { dedicatedCoreQuota: 5, lowPriorityCoreQuota: 2, vmSizes } });
    client = batchClient(service);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  test("a resize goes as far as the core quotas, and each error names the setting", async () => {
    await client.pool.add(aPool("large", { targetDedicatedNodes: 4, targetLowPriorityNodes: 2 }));
    const pool = await steadyPool(client, "large");
    expect(pool).toMatchObject({
      currentDedicatedNodes: 2,
      currentLowPriorityNodes: 1,
      targetDedicatedNodes: 4,
      targetLowPriorityNodes: 2,
    });
    expect(pool.resizeErrors?.map(({ code }) => code)).toEqual([
      "AccountCoreQuotaReached",
      "AccountLowPriorityCoreQuotaReached",
    ]);
    expect(pool.resizeErrors?.[0]?.message).toContain("dedicated-core-quota), of which");
    expect(pool.resizeErrors?.[1]?.message).toContain("low-priority-core-quota), of which");
  });

  test("the errors stay when properties change, and go with the next resize", async () => {
    await client.pool.patch("large", { metadata: [{ name: "a", value: "b" }] });
    expect((await client.pool.get("large")).resizeErrors).toHaveLength(2);
    await client.pool.resize("large", { targetDedicatedNodes: 0, targetLowPriorityNodes: 0 });
    expect((await client.pool.get("large")).resizeErrors).toBeUndefined();
    expect((await steadyPool(client, "large")).resizeErrors).toBeUndefined();
    expect(await nodesOf(client, "large")).toEqual([]);
  });

  test("a size that no provider has, or not often enough, is a resize error", async () => {
    await client.pool.add(aPool("gpu", { vmSize: "Standard_NC6s_v3" }));
    expect((await steadyPool(client, "gpu")).resizeErrors).toMatchObject([{ code: "UnsupportedVMSize" }]);
    await client.pool.add(aPool("few", { vmSize: "Standard_D4s_v3", targetDedicatedNodes: 2 }));
    const pool = await steadyPool(client, "few");
    expect(pool).toMatchObject({ currentDedicatedNodes: 1, resizeErrors: [{ code: "AllocationFailed" }] });
    expect(pool.resizeErrors?.[0]?.message).toContain("vm-sizes");
  });
});

describe("a low-priority node", () => {
  let service: RunningService;
  let client: BatchServiceClient;
  beforeAll(async () => {
    service = await runningService({ settings: { preemptionSeconds: 1 } });
    client = batchClient(service);
    await client.pool.add(
      aPool("spot", {
        targetDedicatedNodes: 1,
        targetLowPriorityNodes: 1,
        startTask: { commandLine: "true", waitForSuccess: true },
      }),
    );
    await until(
      () => nodesOf(client, "spot"),
      (nodes) => nodes.length === 2 && nodes.every(({ state }) => state === "idle"),
    );
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const preempt = (nodeId: string) => send(client, "POST", `/pools/spot/nodes/${nodeId}/preempt`);
  const ofKind = async (isDedicated: boolean) => {
    const node = (await nodesOf(client, "spot")).find((each) => each.isDedicated === isDedicated);
    if (!node?.id) throw new Error("no such node");
    return { ...node, id: node.id };
  };

  test("is preempted on request: its task runs elsewhere, and the node comes back under its id", async () => {
    const node = await ofKind(false);
    await client.job.add({ id: "job", poolInfo: { poolId: "spot" } });
    await client.task.addCollection("job", [
      { id: "one", commandLine: sh("sleep 60") },
      { id: "two", commandLine: sh("sleep 60") },
    ]);
    const [moved] = await until(
      async () => (await client.task.list("job")).filter(({ nodeInfo }) => nodeInfo?.nodeId === node.id),
      (tasks) => tasks.length === 1 && tasks[0]?.state === "running",
    );
    expect((await preempt(node.id)).status).toBe(202);
    expect(await client.task.get("job", moved?.id ?? "")).toMatchObject({
      state: "active",
      executionInfo: { retryCount: 0, requeueCount: 0 },
    });
    expect(await client.pool.get("spot")).toMatchObject({ currentLowPriorityNodes: 1, allocationState: "steady" });
    const back = await until(
      () => client.computeNode.get("spot", node.id),
      ({ state, lastBootTime }) =>
        ["idle", "running"].includes(state ?? "") && lastBootTime?.getTime() !== node.lastBootTime?.getTime(),
    );
    expect(back.allocationTime).toEqual(node.allocationTime);
    expect(back.startTaskInfo?.result).toBe("success");
    await until(
      () => client.task.get("job", moved?.id ?? ""),
      ({ state }) => state === "running",
    );
    await client.job.terminate("job");
  });

  test("is the only kind that can be preempted, and only while there is something to take away", async () => {
    const dedicated = await ofKind(true);
    expect(await preempt(dedicated.id)).toMatchObject({ status: 409, code: "OperationNotValidOnNode" });
    expect(await preempt("nothing")).toMatchObject({ status: 404, code: "NodeNotFound" });
    const { id } = await ofKind(false);
    await preempt(id);
    expect(await preempt(id)).toMatchObject({ status: 409, code: "OperationNotValidOnNode" });
    await client.pool.resize("spot", { targetLowPriorityNodes: 0 });
    await steadyPool(client, "spot");
    expect((await nodesOf(client, "spot")).map(({ isDedicated }) => isDedicated)).toEqual([true]);
  });
});

describe("a provider that refuses", () => {
  let service: RunningService;
  let client: BatchServiceClient;
  const asked: string[] = [];
  const provider: Provider = {
    create: async (nodes) => {
      asked.push(...nodes.map(({ nodeId }) => nodeId));
      return nodes.map(({ nodeId }) => ({ kind: "failed", nodeId, reason: "the machine is full" }));
    },
    remove: async () => {},
    list: async () => [],
    stop: async () => {},
    halt: async () => {},
  };
  beforeAll(async () => {
    service = await runningService({ provider, settings: { agentStartsAtOnce: 2 } });
    client = batchClient(service);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  test("is asked three times for a node, and then the resize ends with its reason", async () => {
    await client.pool.add(aPool("refused", { targetDedicatedNodes: 9, targetLowPriorityNodes: 1 }));
    const pool = await steadyPool(client, "refused");
    expect(pool.resizeErrors).toMatchObject([{ code: "AllocationFailed" }, { code: "AllocationFailed" }]);
    expect(JSON.stringify(pool.resizeErrors)).toContain("the machine is full");
    await until(
      () => nodesOf(client, "refused"),
      (nodes) => nodes.length === 0,
    );
    // The last round has room to ask for some of them once more.
    const counts = [...new Set(asked)].map((nodeId) => asked.filter((each) => each === nodeId).length);
    expect(counts).toHaveLength(10);
    for (const count of counts) expect([3, 4]).toContain(count);
    await client.pool.deleteMethod("refused");
    await gone(client, "refused");
  });
});

test("a leaving node whose agent does not answer does not wait for its task, which runs again elsewhere", async () => {
  await using service = await runningService({
    nodesPerHost: 1,
    settings: { heartbeatSeconds: 1, nodeSilentSeconds: 3 },
  });
  const client = batchClient(service);
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 2 }));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  await steadyPool(client, "pool");
  await client.task.add("job", { id: "task", commandLine: sh("sleep 300") });
  const { nodeInfo } = await until(
    () => client.task.get("job", "task"),
    ({ state }) => state === "running",
  );
  const nodeId = nodeInfo?.nodeId ?? "";
  await client.pool.removeNodes("pool", { nodeList: [nodeId], nodeDeallocationOption: "taskcompletion" });
  const agent = await agentOfNode(service.nodesDirectory, nodeId);
  process.kill(agent?.pid ?? 0, "SIGSTOP");
  await until(
    () => client.task.get("job", "task"),
    (task) => task.state === "running" && task.nodeInfo?.nodeId !== nodeId,
    40,
  );
  await steadyPool(client, "pool");
  expect((await nodesOf(client, "pool")).map(({ id }) => id)).not.toContain(nodeId);
}, 90_000);

describe("a pool that is being deleted", () => {
  let service: RunningService;
  let client: BatchServiceClient;
  const removal = new EventEmitter();
  const isAllowed = { now: false };
  const known = new Set<string>();
  const provider: Provider = {
    create: async (nodes) => {
      for (const { nodeId } of nodes) known.add(nodeId);
      return nodes.map(({ nodeId }) => ({ kind: "started", nodeId }));
    },
    remove: async (nodeIds) => {
      if (nodeIds.length > 0 && !isAllowed.now) await once(removal, "allowed");
      for (const nodeId of nodeIds) known.delete(nodeId);
    },
    list: async () => [...known].map((nodeId) => ({ nodeId, state: "running" })),
    stop: async () => {},
    halt: async () => {},
  };
  beforeAll(async () => {
    service = await runningService({ provider });
    client = batchClient(service);
    await client.pool.add(aPool("pool"));
    await until(
      async () => known.size,
      (size) => size === 1,
    );
    await client.pool.deleteMethod("pool");
  });
  const allow = () => {
    isAllowed.now = true;
    removal.emit("allowed");
  };
  afterAll(async () => {
    allow();
    await service[Symbol.asyncDispose]();
  });

  test("shows that it is on its way down, with no nodes wanted", async () => {
    expect(await client.pool.get("pool")).toMatchObject({
      state: "deleting",
      allocationState: "resizing",
      targetDedicatedNodes: 0,
    });
  });

  test.each([
    ["delete", "DELETE", "/pools/pool", undefined],
    ["patch", "PATCH", "/pools/pool", { metadata: [] }],
    ["update properties", "POST", "/pools/pool/updateproperties", { applicationPackageReferences: [], metadata: [] }],
    ["resize", "POST", "/pools/pool/resize", { targetDedicatedNodes: 1 }],
    ["stop resize", "POST", "/pools/pool/stopresize", undefined],
    ["remove nodes", "POST", "/pools/pool/removenodes", { nodeList: ["n"] }],
    ["add", "POST", "/pools", aPool("POOL")],
  ] as const)("refuses %s", async (_, method, path, body) => {
    const options = body === undefined ? {} : { body };
    expect(await send(client, method, path, options)).toMatchObject({ status: 409, code: "PoolBeingDeleted" });
  });

  test("does not keep another pool from getting its nodes, nor from losing them", async () => {
    await client.pool.add(aPool("other"));
    await until(
      async () => known.size,
      (size) => size === 2,
    );
    await client.pool.deleteMethod("other");
    await until(
      () => nodesOf(client, "other"),
      ([node]) => node?.state === "leavingpool",
    );
  });

  test("is gone when its provider has taken the nodes away, and its id may be used again", async () => {
    allow();
    await gone(client, "pool");
    expect(known.size).toBe(0);
    await client.pool.add(aPool("pool", { targetDedicatedNodes: 0 }));
    await client.pool.deleteMethod("pool");
  });
});

describe("time", () => {
  let service: RunningService;
  let client: BatchServiceClient;
  let clock: MovableClock;
  beforeAll(async () => {
    clock = movableClock();
    service = await runningService({ clock, settings: { nodeSilentSeconds: 3600 } });
    client = batchClient(service);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const removeNode = async (option: "taskcompletion" | "retaineddata") => {
    const [node] = await nodesOf(client, "timed");
    await client.pool.removeNodes("timed", {
      nodeList: [node?.id ?? ""],
      nodeDeallocationOption: option,
      resizeTimeout: "PT5M",
    });
  };

  test("that runs out while tasks keep a node from leaving ends the resize, and the node stays", async () => {
    await client.pool.add(aPool("timed"));
    await client.job.add({ id: "long", poolInfo: { poolId: "timed" } });
    await client.task.add("long", { id: "task", commandLine: sh("while [ ! -e stop ]; do sleep 0.1; done") });
    await steadyPool(client, "timed");
    await until(
      () => client.task.get("long", "task"),
      ({ state }) => state === "running",
    );
    await removeNode("taskcompletion");
    clock.advance(301);
    const pool = await steadyPool(client, "timed");
    expect(pool).toMatchObject({ targetDedicatedNodes: 0, currentDedicatedNodes: 1 });
    expect(pool.resizeErrors).toMatchObject([{ code: "RemoveNodesFailed" }]);
    expect(await nodesOf(client, "timed")).toMatchObject([{ state: "running", runningTasksCount: 1 }]);
    await client.task.terminate("long", "task");
    await client.task.add("long", {
      id: "next",
      commandLine: "true",
      constraints: { retentionTime: "PT2M" },
    });
    await until(
      () => client.task.get("long", "next"),
      ({ state }) => state === "completed",
    );
  });

  test("that files are kept is waited for with retaineddata", async () => {
    await client.task.deleteMethod("long", "task");
    await removeNode("retaineddata");
    await until(
      () => service.database`select retained_until from node where retains_data`,
      ([node]) => node?.retainedUntil instanceof Date,
    );
    expect(await nodesOf(client, "timed")).toMatchObject([{ state: "leavingpool" }]);
    clock.advance(121);
    const pool = await steadyPool(client, "timed");
    expect(pool.resizeErrors).toBeUndefined();
    expect(await nodesOf(client, "timed")).toEqual([]);
  });

  test("that runs out before nodes are there gives them up, and the target stays", async () => {
    const { database } = service;
    await client.pool.add(aPool("late", { targetDedicatedNodes: 0 }));
    await steadyPool(client, "late");
    await database`
      update pool set allocation_state = 'resizing', target_dedicated_nodes = 1, resize_deadline = ${clock.now()}
      where key = 'late'`;
    const pool = await steadyPool(client, "late");
    expect(pool).toMatchObject({ targetDedicatedNodes: 1, currentDedicatedNodes: 0 });
    expect(pool.resizeErrors).toMatchObject([{ code: "AllocationTimedOut" }]);
  });
});
