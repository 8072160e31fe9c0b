import type { BatchServiceClient } from "@azure/batch";
import {
  anAutoPool,
  aPool,
  batchClient,
  type RunningService,
  runningService,
  send,
  steadyPool,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService({ settings: { poolQuota: 8 } });
  client = batchClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

const sh = (script: string) => `/bin/sh -c '${script}'`;

/** The error code and values with which a request is refused. */
const refusal = async (request: Promise<unknown>) =>
  request.then(
    () => undefined,
    ({ statusCode, body }) => ({ status: statusCode, code: body?.code, values: body?.values }),
  );

const steady = (id: string) => steadyPool(client, id);
const nodesOf = async (id: string) => client.computeNode.list(id);
const idle = (id: string, count: number) =>
  until(
    () => nodesOf(id),
    (nodes) => nodes.length === count && nodes.every(({ state }) => state === "idle"),
  );
const gone = (id: string) =>
  until(
    () => refusal(client.pool.get(id)),
    (answer) => answer?.code === "PoolNotFound",
  );
const running = async (jobId: string, taskId: string) =>
  until(
    () => client.task.get(jobId, taskId),
    ({ state }) => state === "running",
  );

describe("a pool without nodes", () => {
  beforeAll(async () => {
    await client.pool.add(aPool("empty", { targetDedicatedNodes: 0, metadata: [{ name: "a", value: "1" }] }));
    await steady("empty");
  });

  test("takes new properties by patch; what is not given stays", async () => {
    const before = await client.pool.get("empty");
    await client.pool.patch("empty", {
      startTask: { commandLine: "true" },
      metadata: [
        { name: "b", value: "2" },
        { name: "a", value: "3" },
      ],
    });
    await client.pool.patch("empty", { applicationPackageReferences: [] });
    const pool = await client.pool.get("empty");
    expect(pool.metadata).toEqual([
      { name: "b", value: "2" },
      { name: "a", value: "3" },
    ]);
    expect(pool.startTask).toMatchObject({
      commandLine: "true",
      maxTaskRetryCount: 0,
      waitForSuccess: true,
      userIdentity: { autoUser: { scope: "pool", elevationLevel: "nonadmin" } },
    });
    expect(pool.eTag).not.toBe(before.eTag);
  });

  test("loses by update properties what is not given", async () => {
    await client.pool.patch("empty", { startTask: { commandLine: "true" }, metadata: [{ name: "a", value: "1" }] });
    await client.pool.updateProperties("empty", {
      certificateReferences: [],
      applicationPackageReferences: [],
      metadata: [],
    });
    const pool = await client.pool.get("empty");
    expect(pool).toMatchObject({ targetNodeCommunicationMode: "default", certificateReferences: [] });
    expect([pool.startTask, pool.metadata, pool.applicationPackageReferences]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("keeps its properties when a patch breaks a rule or names what is not supported", async () => {
    const startTask = { commandLine: " " };
    expect(await refusal(client.pool.patch("empty", { startTask }))).toMatchObject({ code: "InvalidPropertyValue" });
    expect(await refusal(client.pool.patch("empty", { metadata: [{ name: "", value: "1" }] }))).toMatchObject({
      code: "EmptyMetadataKey",
    });
    expect(await refusal(client.pool.patch("empty", { startTask: { commandLine: "x".repeat(32_768) } }))).toMatchObject(
      { code: "InvalidPropertyValue" },
    );
    expect((await client.pool.get("empty")).startTask).toBeUndefined();
  });

  test("may become another pool altogether, in versions that allow it", async () => {
    const patch = {
      displayName: "changed",
      vmSize: "Standard_D4s_v3",
      taskSlotsPerNode: 16,
      taskSchedulingPolicy: { nodeFillType: "pack" },
      enableInterNodeCommunication: true,
      resourceTags: { team: "a" },
      upgradePolicy: { mode: "manual" },
      networkConfiguration: { publicIPAddressConfiguration: { provision: "nopublicipaddresses" } },
    };
    const path = "/pools/empty";
    const version = "2024-07-01.20.0";
    const tooMany = { ...patch, taskSlotsPerNode: 17 };
    expect(await send(client, "PATCH", path, { version, body: tooMany })).toMatchObject({
      status: 400,
      code: "InvalidPropertyValue",
    });
    expect((await send(client, "PATCH", path, { version, body: patch })).status).toBe(200);
    expect((await send(client, "GET", path, { version })).body).toMatchObject({
      ...patch,
      vmSize: "standard_d4s_v3",
      taskSchedulingPolicy: { nodeFillType: "Pack" },
      networkConfiguration: {
        publicIPAddressConfiguration: { provision: "NoPublicIPAddresses" },
        dynamicVNetAssignmentScope: "none",
      },
    });
    const both = { targetDedicatedNodes: 1, targetLowPriorityNodes: 1 };
    expect(await refusal(client.pool.resize("empty", both))).toMatchObject({ code: "InvalidPropertyValue" });
    const back = { enableInterNodeCommunication: false, vmSize: "Standard_D2s_v3", taskSlotsPerNode: 1 };
    expect((await send(client, "PATCH", path, { version, body: back })).status).toBe(200);
  });

  test("is changed only under the condition that a client sets", async () => {
    const options = { poolPatchOptions: { ifMatch: "0x0" } };
    expect(await refusal(client.pool.patch("empty", { metadata: [] }, options))).toMatchObject({
      status: 412,
      code: "ConditionNotMet",
    });
  });

  test("has no resize to be stopped", async () => {
    expect(await refusal(client.pool.stopResize("empty"))).toMatchObject({
      status: 409,
      code: "OperationInvalidForCurrentState",
    });
  });

  test("has no nodes to be removed", async () => {
    expect(await refusal(client.pool.removeNodes("empty", { nodeList: ["nothing"] }))).toMatchObject({
      status: 404,
      code: "NodeNotFound",
    });
    expect(await refusal(client.pool.removeNodes("empty", { nodeList: [] }))).toMatchObject({
      code: "InvalidPropertyValue",
    });
  });
});

test.each([
  ["patch", () => client.pool.patch("none", { metadata: [] })],
  [
    "update properties",
    () =>
      client.pool.updateProperties("none", {
        certificateReferences: [],
        applicationPackageReferences: [],
        metadata: [],
      }),
  ],
  ["resize", () => client.pool.resize("none", { targetDedicatedNodes: 1 })],
  ["stop resize", () => client.pool.stopResize("none")],
  ["remove nodes", () => client.pool.removeNodes("none", { nodeList: ["n"] })],
  ["delete", () => client.pool.deleteMethod("none")],
  ["get", () => client.pool.get("none")],
] as const)("%s of a pool that does not exist answers PoolNotFound", async (_, request) => {
  expect(await refusal(request())).toMatchObject({ status: 404, code: "PoolNotFound" });
});

test("the images that pools may use are listed by pages, and filtered", async () => {
  const all = [...(await client.account.listSupportedImages())];
  expect(all.length).toBeGreaterThan(30);
  expect(all).toContainEqual(
    expect.objectContaining({
      nodeAgentSKUId: "batch.node.ubuntu 22.04",
      osType: "linux",
      verificationType: "verified",
      imageReference: expect.objectContaining({
        publisher: "canonical",
        offer: "0001-com-ubuntu-server-jammy",
        sku: "22_04-lts",
        version: "latest",
      }),
    }),
  );
  const filter = "nodeAgentSKUId eq 'batch.node.debian 12'";
  const options = { accountListSupportedImagesOptions: { filter, maxResults: 1 } };
  const first = await client.account.listSupportedImages(options);
  const rest = await client.account.listSupportedImagesNext(first.odatanextLink ?? "");
  expect([...first, ...rest].map(({ imageReference }) => imageReference.sku)).toEqual(["12", "12-gen2"]);
});

const machine = aPool("x").virtualMachineConfiguration;

test.each([
  ["NodeAgentSKUNotFound", { virtualMachineConfiguration: { ...machine, nodeAgentSKUId: "batch.node.none" } }],
  ["MissingRequiredProperty", { virtualMachineConfiguration: undefined }],
  ["UnsupportedProperty", { virtualMachineConfiguration: undefined, cloudServiceConfiguration: { osFamily: "6" } }],
  ["InvalidPropertyValue", { cloudServiceConfiguration: { osFamily: "6" } }],
  ["InvalidPropertyValue", { vmSize: "huge" }],
  ["InvalidPropertyValue", { taskSlotsPerNode: 257 }],
  ["InvalidPropertyValue", { targetDedicatedNodes: -1 }],
  ["InvalidPropertyValue", { resizeTimeout: "PT1M" }],
  ["InvalidPropertyValue", { enableAutoScale: true, autoScaleFormula: "$TargetDedicatedNodes=1;" }],
  ["EmptyMetadataKey", { metadata: [{ name: "", value: "v" }] }],
  ["InvalidCertificateReferences", { certificateReferences: [{ thumbprint: "ab", thumbprintAlgorithm: "sha1" }] }],
] as const)("a pool is refused with %s for %j", async (code, change) => {
  const refused = await refusal(client.pool.add(aPool("wrong", change)));
  expect(refused).toMatchObject({ status: code === "NodeAgentSKUNotFound" ? 404 : 400, code });
  expect(await refusal(client.pool.get("wrong"))).toMatchObject({ code: "PoolNotFound" });
});

describe("a pool that describes hardware of Azure's", () => {
  const described = {
    virtualMachineConfiguration: {
      ...machine,
      dataDisks: [{ lun: 0, diskSizeGB: 32, caching: "readwrite", storageAccountType: "standard_lrs" }],
      securityProfile: { securityType: "trustedLaunch", encryptionAtHost: true },
      extensions: [{ name: "e", publisher: "p", type: "t", protectedSettings: { key: "secret" } }],
    },
    networkConfiguration: { subnetId: "/subscriptions/s/resourceGroups/g/subnets/n" },
    targetDedicatedNodes: 0,
  };

  const version = "2024-07-01.20.0";

  test("shows it as given, and names what has no effect", async () => {
    const body = aPool("described", described);
    expect((await send(client, "POST", "/pools", { version, body })).status).toBe(201);
    const shown = await send(client, "GET", "/pools/described", { version });
    expect(shown.body).toMatchObject({
      virtualMachineConfiguration: {
        dataDisks: described.virtualMachineConfiguration.dataDisks,
        securityProfile: described.virtualMachineConfiguration.securityProfile,
        extensions: [{ name: "e", publisher: "p", type: "t" }],
      },
      networkConfiguration: described.networkConfiguration,
      propertiesWithoutEffect: [
        "virtualMachineConfiguration.dataDisks",
        "virtualMachineConfiguration.extensions",
        "virtualMachineConfiguration.securityProfile",
        "networkConfiguration.subnetId",
      ],
    });
    expect(JSON.stringify(shown.body)).not.toContain("secret");
    await client.pool.deleteMethod("described");
    await gone("described");
  });

  test("is refused where the operator wants to know, in a job as well", async () => {
    await using strict = await runningService({ settings: { unsupportedProperties: "refuse" } });
    const strictClient = batchClient(strict);
    const autoPoolSpecification = { poolLifetimeOption: "job", pool: anAutoPool(described) };
    const poolInfo = { autoPoolSpecification };
    for (const [path, body] of [
      ["/pools", aPool("described", described)],
      ["/jobs", { id: "j", poolInfo }],
      ["/jobschedules", { id: "s", schedule: {}, jobSpecification: { poolInfo } }],
    ] as const)
      expect(await send(strictClient, "POST", path, { version, body }), path).toMatchObject({
        status: 400,
        code: "UnsupportedProperty",
      });
  });
});

test("a resize names at least one target, and a timeout of five minutes or more", async () => {
  expect(await refusal(client.pool.resize("empty", {}))).toMatchObject({ code: "MissingRequiredProperty" });
  expect(
    await refusal(client.pool.resize("empty", { targetDedicatedNodes: 0, resizeTimeout: "PT4M59S" })),
  ).toMatchObject({ status: 400, code: "InvalidPropertyValue" });
});

test("a second pool of an id, and one pool too many, are refused", async () => {
  expect(await refusal(client.pool.add(aPool("EMPTY")))).toMatchObject({ status: 409, code: "PoolExists" });
  const ids = [...Array(8).keys()].map((n) => `quota-${n}`);
  const refusals: unknown[] = [];
  for (const id of ids) refusals.push(await refusal(client.pool.add(aPool(id, { targetDedicatedNodes: 0 }))));
  const last = refusals.at(-1);
  expect(last).toMatchObject({ status: 409, code: "PoolQuotaReached" });
  expect(JSON.stringify(last)).toContain("setting pool-quota");
  for (const [index, id] of ids.entries()) if (!refusals[index]) await client.pool.deleteMethod(id);
  for (const [index, id] of ids.entries()) if (!refusals[index]) await gone(id);
});

describe("a pool with nodes", () => {
  beforeAll(async () => {
    await client.pool.add(aPool("pool", { targetDedicatedNodes: 2, targetLowPriorityNodes: 1 }));
    await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
    await steady("pool");
    await idle("pool", 3);
  });

  test("has nodes of both kinds and the way they reach the service", async () => {
    expect(await client.pool.get("pool")).toMatchObject({
      currentDedicatedNodes: 2,
      currentLowPriorityNodes: 1,
      currentNodeCommunicationMode: "simplified",
    });
    expect((await nodesOf("pool")).map(({ isDedicated }) => isDedicated).sort()).toEqual([false, true, true]);
  });

  test("does not change what it is made of", async () => {
    const refused = await send(client, "PATCH", "/pools/pool", { body: { displayName: "changed" } });
    expect(refused).toMatchObject({ status: 409, code: "OperationInvalidForCurrentState" });
    expect(JSON.stringify(refused)).toContain("displayName");
  });

  test("changes how its nodes shall be reached, and how they are reached stays", async () => {
    await client.pool.patch("pool", { targetNodeCommunicationMode: "classic" });
    expect(await client.pool.get("pool")).toMatchObject({
      targetNodeCommunicationMode: "classic",
      currentNodeCommunicationMode: "simplified",
    });
  });

  test("gives a node away with its task, which is requeued and runs elsewhere", async () => {
    await client.task.add("job", { id: "moved", commandLine: sh("sleep 60") });
    await running("job", "moved");
    const nodeId = (await client.task.get("job", "moved")).nodeInfo?.nodeId ?? "";
    const target = (await nodesOf("pool")).find(({ id }) => id === nodeId);
    const before = await client.pool.get("pool");
    await client.pool.removeNodes("pool", { nodeList: [nodeId] });
    const pool = await client.pool.get("pool");
    expect(pool.allocationState).toBe("resizing");
    expect(pool.eTag).not.toBe(before.eTag);
    expect((pool.targetDedicatedNodes ?? 0) + (pool.targetLowPriorityNodes ?? 0)).toBe(2);
    expect(await refusal(client.pool.resize("pool", { targetDedicatedNodes: 5 }))).toMatchObject({
      status: 409,
      code: "PoolBeingResized",
    });
    expect(await refusal(client.pool.removeNodes("pool", { nodeList: [nodeId] }))).toMatchObject({
      code: "PoolBeingResized",
    });
    await steady("pool");
    expect((await nodesOf("pool")).map(({ id }) => id)).not.toContain(nodeId);
    const task = await until(
      () => client.task.get("job", "moved"),
      ({ state, nodeInfo }) => state === "running" && nodeInfo?.nodeId !== nodeId,
    );
    expect(task.executionInfo).toMatchObject({ requeueCount: 1, retryCount: 0 });
    await client.task.terminate("job", "moved");
    const kind = target?.isDedicated ? { targetDedicatedNodes: 2 } : { targetLowPriorityNodes: 1 };
    await client.pool.resize("pool", kind);
    await steady("pool");
    await idle("pool", 3);
  });

  test("ends the task of a node that leaves with terminate", async () => {
    await client.task.add("job", {
      id: "ended",
      commandLine: sh("sleep 60"),
      constraints: { maxTaskRetryCount: 3 },
    });
    await running("job", "ended");
    const nodeId = (await client.task.get("job", "ended")).nodeInfo?.nodeId ?? "";
    await client.pool.removeNodes("pool", { nodeList: [nodeId], nodeDeallocationOption: "terminate" });
    expect(await client.task.get("job", "ended")).toMatchObject({
      state: "completed",
      executionInfo: { result: "failure", failureInfo: { code: "TaskEnded" } },
    });
    await steady("pool");
    expect(await nodesOf("pool")).toHaveLength(2);
  });

  test("waits for the task of a node that leaves with taskcompletion, and gives it no other", async () => {
    await client.task.add("job", { id: "finishing", commandLine: sh("while [ ! -e stop ]; do sleep 0.1; done") });
    await running("job", "finishing");
    const { nodeInfo } = await client.task.get("job", "finishing");
    const nodeId = nodeInfo?.nodeId ?? "";
    await client.pool.removeNodes("pool", { nodeList: [nodeId], nodeDeallocationOption: "taskcompletion" });
    expect(await client.computeNode.get("pool", nodeId)).toMatchObject({ state: "leavingpool", runningTasksCount: 1 });
    await client.task.add("job", { id: "elsewhere", commandLine: "true" });
    await until(
      () => client.task.get("job", "elsewhere"),
      ({ state }) => state === "completed",
    );
    expect((await client.task.get("job", "elsewhere")).nodeInfo?.nodeId).not.toBe(nodeId);
    expect((await client.pool.get("pool")).allocationState).toBe("resizing");
    await client.task.terminate("job", "finishing");
    await steady("pool");
    expect((await nodesOf("pool")).map(({ id }) => id)).not.toContain(nodeId);
  });

  test("is deleted with a task running, which goes back to the queue", async () => {
    await client.task.add("job", { id: "orphan", commandLine: sh("sleep 60") });
    await running("job", "orphan");
    const { nodeInfo } = await client.task.get("job", "orphan");
    const nodeList = [nodeInfo?.nodeId ?? ""];
    await client.pool.removeNodes("pool", { nodeList, nodeDeallocationOption: "taskcompletion" });
    await client.pool.deleteMethod("pool");
    const deleting = await refusal(client.pool.deleteMethod("pool"));
    if (deleting?.code !== "PoolNotFound") expect(deleting).toMatchObject({ status: 409, code: "PoolBeingDeleted" });
    await gone("pool");
    expect(await client.task.get("job", "orphan")).toMatchObject({
      state: "active",
      executionInfo: { requeueCount: 1 },
    });
    expect((await client.job.get("job")).state).toBe("active");
    expect(await service.service.provider.list()).toEqual([]);
  });
});
