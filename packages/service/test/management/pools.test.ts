import type { BatchManagementClient, Pool } from "@azure/arm-batch";
import type { BatchServiceClient } from "@azure/batch";
import {
  batchClient,
  firstGroup,
  managementClient,
  type RunningService,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;
let management: BatchManagementClient;
const { resourceGroup, subscriptionId } = firstGroup;
let account: string;

beforeAll(async () => {
  service = await runningService({ https: true });
  client = batchClient(service);
  management = await managementClient(service);
  account = service.account.name;
});
afterAll(() => service[Symbol.asyncDispose]());

const machine = {
  virtualMachineConfiguration: {
    imageReference: { publisher: "canonical", offer: "0001-com-ubuntu-server-jammy", sku: "22_04-lts" },
    nodeAgentSkuId: "batch.node.ubuntu 22.04",
  },
};

const aManagedPool = (more: Pool = {}): Pool => ({
  vmSize: "STANDARD_D2S_V3",
  deploymentConfiguration: machine,
  scaleSettings: { fixedScale: { targetDedicatedNodes: 0 } },
  ...more,
});

const create = (name: string, more?: Pool, options = {}) =>
  management.poolOperations.create(resourceGroup, account, name, aManagedPool(more), options);
const get = (name: string) => management.poolOperations.get(resourceGroup, account, name);
const update = (name: string, parameters: Pool) =>
  management.poolOperations.update(resourceGroup, account, name, parameters);

const steady = (name: string) =>
  until(
    () => get(name),
    ({ allocationState }) => allocationState === "Steady",
  );

const codeOf = (request: Promise<unknown>) =>
  request.then(
    () => "accepted",
    (error) => error.code,
  );

const applicationId = (name: string) =>
  `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Batch/batchAccounts/test/applications/${name}`;

describe("a new pool", () => {
  test("gets nodes, and both planes show it in their own words", async () => {
    const made = await create("both", {
      displayName: "Both planes",
      interNodeCommunication: "Disabled",
      taskSlotsPerNode: 4,
      taskSchedulingPolicy: { nodeFillType: "Pack" },
      metadata: [{ name: "team", value: "blue" }],
      scaleSettings: {
        fixedScale: { targetDedicatedNodes: 1, resizeTimeout: "PT8M", nodeDeallocationOption: "TaskCompletion" },
      },
      startTask: {
        commandLine: "/bin/sh -c true",
        userIdentity: { autoUser: { scope: "Pool", elevationLevel: "Admin" } },
        environmentSettings: [{ name: "WORD", value: "hello" }],
        waitForSuccess: true,
      },
      userAccounts: [
        {
          name: "someone",
          password: "secret of someone",
          elevationLevel: "NonAdmin",
          linuxUserConfiguration: { uid: 4001, gid: 4001 },
        },
      ],
      targetNodeCommunicationMode: "Simplified",
      networkConfiguration: { dynamicVnetAssignmentScope: "none" },
    });
    expect(made).toMatchObject({
      name: "both",
      type: "Microsoft.Batch/batchAccounts/pools",
      provisioningState: "Succeeded",
      allocationState: "Resizing",
      resizeOperationStatus: {
        nodeDeallocationOption: "TaskCompletion",
        targetDedicatedNodes: 1,
        resizeTimeout: "PT8M",
      },
    });
    expect(made.id).toMatch(/\/batchAccounts\/test\/pools\/both$/);
    expect(made.resizeOperationStatus?.startTime).toBeInstanceOf(Date);
    const shown = await steady("both");
    expect(shown).toMatchObject({
      displayName: "Both planes",
      interNodeCommunication: "Disabled",
      taskSlotsPerNode: 4,
      currentDedicatedNodes: 1,
      currentLowPriorityNodes: 0,
      currentNodeCommunicationMode: "Simplified",
      targetNodeCommunicationMode: "Simplified",
      taskSchedulingPolicy: { nodeFillType: "Pack" },
      metadata: [{ name: "team", value: "blue" }],
      scaleSettings: { fixedScale: { targetDedicatedNodes: 1, targetLowPriorityNodes: 0, resizeTimeout: "PT8M" } },
      startTask: {
        commandLine: "/bin/sh -c true",
        userIdentity: { autoUser: { scope: "Pool", elevationLevel: "Admin" } },
        environmentSettings: [{ name: "WORD", value: "hello" }],
        maxTaskRetryCount: 0,
      },
      userAccounts: [{ name: "someone", elevationLevel: "NonAdmin", linuxUserConfiguration: { uid: 4001, gid: 4001 } }],
      networkConfiguration: { dynamicVnetAssignmentScope: "none" },
    });
    expect(shown.deploymentConfiguration?.virtualMachineConfiguration).toMatchObject({
      ...machine.virtualMachineConfiguration,
      imageReference: { offer: "0001-com-ubuntu-server-jammy", version: "latest" },
    });
    expect(JSON.stringify(shown)).not.toContain("secret of someone");
    expect(await client.pool.get("both")).toMatchObject({
      displayName: "Both planes",
      enableInterNodeCommunication: false,
      taskSlotsPerNode: 4,
      targetDedicatedNodes: 1,
      virtualMachineConfiguration: { nodeAgentSKUId: "batch.node.ubuntu 22.04" },
      startTask: { userIdentity: { autoUser: { scope: "pool", elevationLevel: "admin" } } },
      userAccounts: [{ name: "someone", elevationLevel: "nonadmin" }],
      targetNodeCommunicationMode: "simplified",
    });
  });

  test("may scale by a formula, whose evaluation is shown, until that is turned off", async () => {
    await create("scaled", {
      scaleSettings: { autoScale: { formula: "$TargetDedicatedNodes = 0;", evaluationInterval: "PT5M" } },
    });
    const shown = await get("scaled");
    expect(shown.scaleSettings).toEqual({
      autoScale: { formula: "$TargetDedicatedNodes = 0;", evaluationInterval: "PT5M" },
    });
    expect(shown.autoScaleRun?.evaluationTime).toBeInstanceOf(Date);
    expect(shown.autoScaleRun?.results).toContain("$TargetDedicatedNodes=0");
    const off = await management.poolOperations.disableAutoScale(resourceGroup, account, "scaled");
    expect(off.scaleSettings).toMatchObject({ fixedScale: { targetDedicatedNodes: 0, targetLowPriorityNodes: 0 } });
  });

  test("refers to applications and certificates by the ids that they have on this plane", async () => {
    await management.applicationOperations.create(resourceGroup, account, "tool");
    const refused = create("packaged", { applicationPackages: [{ id: applicationId("tool"), version: "1" }] });
    expect(await codeOf(refused)).toBe("InvalidApplicationPackageReferences");
    const elsewhere = applicationId("tool").replace("/test/", "/another/");
    expect(await codeOf(create("packaged", { applicationPackages: [{ id: elsewhere }] }))).toBe("InvalidPropertyValue");
    expect(await codeOf(get("packaged"))).toBe("ResourceNotFound");
  });

  test("keeps and shows its identities on both planes, and says that they have no effect", async () => {
    const id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nodes";
    const identity = { type: "UserAssigned", userAssignedIdentities: { [id]: {} } } as const;
    expect(await create("identified", { identity })).toMatchObject({ identity });
    expect(await client.pool.get("identified")).toMatchObject({
      identity: { type: "UserAssigned", userAssignedIdentities: [{ resourceId: id }] },
      propertiesWithoutEffect: ["identity.userAssignedIdentities"],
    });
    const { eTag } = await get("identified");
    await update("identified", { identity });
    expect((await get("identified")).eTag).toBe(eTag);
    await update("identified", { displayName: "another" });
    expect(await get("identified")).toMatchObject({ identity });
    expect((await update("identified", { identity: { type: "None" } })).identity).toBeUndefined();
  });

  test.each<[string, Pool, string]>([
    ["both kinds of scale", { scaleSettings: { fixedScale: {}, autoScale: { formula: "" } } }, "InvalidPropertyValue"],
    ["an unknown size", { vmSize: "huge" }, "InvalidPropertyValue"],
    [
      "cloud services",
      { deploymentConfiguration: { cloudServiceConfiguration: { osFamily: "6" } } },
      "UnsupportedProperty",
    ],
  ])("is refused with %s", async (_, more, code) => {
    expect(await codeOf(create("refused", more))).toBe(code);
  });
});

describe("conditions", () => {
  test("keep a client from making what is there, and from changing what is not what it has seen", async () => {
    const { eTag } = await create("conditional", {}, { ifNoneMatch: "*" });
    expect(await codeOf(create("conditional", {}, { ifNoneMatch: "*" }))).toBe("ConditionNotMet");
    expect(await codeOf(create("missing", {}, { ifMatch: "*" }))).toBe("ConditionNotMet");
    const change = (ifMatch: string) =>
      management.poolOperations.update(resourceGroup, account, "conditional", { metadata: [] }, { ifMatch });
    expect(await codeOf(change('W/"0x0"'))).toBe("ConditionNotMet");
    expect(await codeOf(change(eTag ?? ""))).toBe("accepted");
  });
});

describe("a pool that is there", () => {
  test("gets the given properties, and keeps the others", async () => {
    await create("patched", { metadata: [{ name: "a", value: "1" }], startTask: { commandLine: "true" } });
    await steady("patched");
    const changed = await update("patched", { metadata: [{ name: "b", value: "2" }] });
    expect(changed).toMatchObject({ metadata: [{ name: "b", value: "2" }], startTask: { commandLine: "true" } });
    expect(changed.etag).not.toBe((await create("other")).etag);
  });

  test("may be sent back as it was", async () => {
    const before = await steady("both");
    const { userAccounts: _, ...rest } = before;
    const after = await update("both", rest);
    expect({ ...after, eTag: "", etag: "", lastModified: "" }).toEqual({
      ...before,
      eTag: "",
      etag: "",
      lastModified: "",
    });
  });

  test("loses what a whole new description leaves out", async () => {
    await create("replaced", {
      metadata: [{ name: "a", value: "1" }],
      startTask: { commandLine: "true" },
      displayName: "before",
    });
    await steady("replaced");
    const replaced = await create("replaced", { displayName: "after" });
    expect(replaced).toMatchObject({ displayName: "after", allocationState: "Steady" });
    expect(replaced.metadata).toBeUndefined();
    expect(replaced.startTask).toBeUndefined();
  });

  test("with nodes keeps its machines", async () => {
    await steady("both");
    expect(await codeOf(update("both", { vmSize: "standard_d4s_v3" }))).toBe("OperationInvalidForCurrentState");
    const refused = await update("both", { interNodeCommunication: "Enabled" }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      statusCode: 409,
      message: expect.stringContaining("properties.interNodeCommunication"),
      details: { error: { target: "properties.interNodeCommunication" } },
    });
  });

  test("is resized by its scale, from a formula to a number and back", async () => {
    await create("resized");
    await steady("resized");
    const growing = await update("resized", { scaleSettings: { fixedScale: { targetDedicatedNodes: 1 } } });
    expect(growing).toMatchObject({ allocationState: "Resizing" });
    expect(await steady("resized")).toMatchObject({ currentDedicatedNodes: 1 });
    const scaled = await update("resized", { scaleSettings: { autoScale: { formula: "$TargetDedicatedNodes = 0;" } } });
    expect(scaled.scaleSettings).toEqual({
      autoScale: { formula: "$TargetDedicatedNodes = 0;", evaluationInterval: "PT15M" },
    });
    expect(await steady("resized")).toMatchObject({ currentDedicatedNodes: 0 });
    await update("resized", { scaleSettings: { fixedScale: { targetLowPriorityNodes: 1 } } });
    expect(await steady("resized")).toMatchObject({ currentLowPriorityNodes: 1, currentDedicatedNodes: 0 });
  });

  test("stops a resize that cannot end", async () => {
    await create("stopped", { scaleSettings: { fixedScale: { targetDedicatedNodes: 200 } } });
    const stopped = await management.poolOperations.stopResize(resourceGroup, account, "stopped");
    expect(stopped.allocationState).toBe("Stopping");
    const { resizeOperationStatus } = await steady("stopped");
    expect(resizeOperationStatus?.errors?.map(({ code }) => code)).toEqual(["ResizeStopped"]);
  });
});

describe("the list", () => {
  const names = async (filter?: string) => {
    const found: (string | undefined)[] = [];
    const options = { maxresults: 2, ...(filter === undefined ? {} : { filter }) };
    for await (const { name } of management.poolOperations.listByBatchAccount(resourceGroup, account, options))
      found.push(name);
    return found;
  };

  test("is in pages, filtered by the names of this plane, and shows what is selected", async () => {
    await create("list-1");
    await create("list-2");
    await create("list-3", { vmSize: "standard_d4s_v3" });
    expect(await names("startswith(name, 'list-')")).toEqual(["list-1", "list-2", "list-3"]);
    expect(await names("properties/vmSize eq 'standard_d4s_v3'")).toEqual(["list-3"]);
    expect(await names("name eq 'list-2' and properties/provisioningState eq 'Succeeded'")).toEqual(["list-2"]);
    expect(await codeOf(names("displayName eq 'x'"))).toBe("InvalidQueryParameterValue");
    const options = { select: "properties/vmSize", filter: "name eq 'list-1'" };
    const listed = management.poolOperations.listByBatchAccount(resourceGroup, account, options);
    const { value } = await listed.next();
    expect(value).toMatchObject({ name: "list-1", vmSize: "standard_d2s_v3" });
    expect(value.allocationState).toBeUndefined();
  });
});

describe("deletion", () => {
  test("ends when the nodes are gone, and may be asked for twice", async () => {
    await create("deleted", { scaleSettings: { fixedScale: { targetDedicatedNodes: 1 } } });
    await steady("deleted");
    const deletion = management.poolOperations.beginDeleteAndWait(resourceGroup, account, "deleted", {
      updateIntervalInMs: 50,
    });
    await deletion;
    expect(await codeOf(get("deleted"))).toBe("ResourceNotFound");
    expect(await codeOf(client.pool.get("deleted"))).toBe("PoolNotFound");
    expect(await codeOf(management.poolOperations.beginDeleteAndWait(resourceGroup, account, "deleted"))).toBe(
      "accepted",
    );
  });
});

test("a reader looks at pools and changes none", async () => {
  const reader = await managementClient(service, { role: "reader" });
  const present = await reader.poolOperations.get(resourceGroup, account, "both");
  expect(present.name).toBe("both");
  expect(await codeOf(reader.poolOperations.create(resourceGroup, account, "mine", aManagedPool()))).toBe(
    "AuthorizationFailed",
  );
});
