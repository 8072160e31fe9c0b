import { X509Certificate } from "node:crypto";
import type { BatchManagementClient } from "@azure/arm-batch";
import { BlockBlobClient } from "@azure/storage-blob";
import { isKnownIn, type ManagementOperation, managementOperations } from "@kyanite/contract";
import { firstGroup, managementClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createManagementRouter } from "../../src/http/management/router.ts";

/** Each of the 46 operations of the management plane with the official client, which checks what it is answered. */

const { resourceGroup: group } = firstGroup;
const version = "2023-11-01.18.0";
const operations: [string, ManagementOperation][] = Object.entries(managementOperations);
/** What clients poll is no operation of its own to them. */
const expected = operations
  .filter(([name, operation]) => isKnownIn(version, operation) && name !== "BatchAccount_GetOperationResult")
  .map(([name]) => name)
  .sort();

let service: RunningService;
let client: BatchManagementClient;
const account = "every";
const called = new Set<string>();

beforeAll(async () => {
  service = await runningService({ https: true });
  client = await managementClient(service);
  const route = createManagementRouter(managementOperations);
  client.pipeline.addPolicy({
    name: "note what is called",
    sendRequest: (request, next) => {
      called.add(route(request.method, new URL(request.url).pathname, version).name);
      return next(request);
    },
  });
  const storageAccountId = `/providers/Microsoft.Storage/storageAccounts/${service.storage.accountName}`;
  await client.batchAccountOperations.beginCreateAndWait(group, account, {
    location: "here",
    autoStorage: { storageAccountId },
  });
});
afterAll(() => service[Symbol.asyncDispose]());

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const codeOf = (request: Promise<unknown>) =>
  request.then(
    () => "accepted",
    (error) => error.code,
  );

test("accounts", async () => {
  const { batchAccountOperations: accounts } = client;
  expect(await accounts.get(group, account)).toMatchObject({ name: account, provisioningState: "Succeeded" });
  expect((await accounts.update(group, account, { tags: { a: "b" } })).tags).toEqual({ a: "b" });
  expect((await all(accounts.list())).map(({ name }) => name)).toContain(account);
  expect((await all(accounts.listByResourceGroup(group))).map(({ name }) => name)).toContain(account);
  await accounts.synchronizeAutoStorageKeys(group, account);
  const keys = await accounts.getKeys(group, account);
  const regenerated = await accounts.regenerateKey(group, account, { keyName: "Secondary" });
  expect(regenerated.primary).toBe(keys.primary);
  expect(regenerated.secondary).not.toBe(keys.secondary);
});

test("applications and packages", async () => {
  const { applicationOperations: applications, applicationPackageOperations: packages } = client;
  await applications.create(group, account, "app");
  const made = await packages.create(group, account, "app", "1");
  await new BlockBlobClient(made.storageUrl ?? "").uploadData(Buffer.from("a zip"));
  expect(await packages.activate(group, account, "app", "1", { format: "zip" })).toMatchObject({ state: "Active" });
  expect(await packages.get(group, account, "app", "1")).toMatchObject({ name: "1", state: "Active" });
  expect((await all(packages.list(group, account, "app"))).map(({ name }) => name)).toEqual(["1"]);
  expect(await applications.update(group, account, "app", { defaultVersion: "1" })).toMatchObject({
    defaultVersion: "1",
  });
  expect(await applications.get(group, account, "app")).toMatchObject({ name: "app" });
  expect((await all(applications.list(group, account))).map(({ name }) => name)).toEqual(["app"]);
  await packages.delete(group, account, "app", "1");
  await applications.delete(group, account, "app");
  expect(await all(applications.list(group, account))).toEqual([]);
});

test("locations and the provider", async () => {
  const { location } = client;
  expect((await location.getQuotas("here")).accountQuota).toBeGreaterThan(1);
  const sizes = await all(location.listSupportedVirtualMachineSkus("here", { maxresults: 100 }));
  const size = sizes.find(({ name }) => name?.toLowerCase() === "standard_d2s_v3");
  expect(size?.capabilities).toContainEqual({ name: "vCPUs", value: "2" });
  const family = size?.familyName ?? "";
  const ofFamily = await all(location.listSupportedVirtualMachineSkus("here", { filter: `familyName eq '${family}'` }));
  expect(new Set(ofFamily.map(({ familyName }) => familyName))).toEqual(new Set([family]));
  expect(ofFamily.length).toBeLessThan(sizes.length);
  expect(await all(location.listSupportedCloudServiceSkus("here"))).toEqual([]);
  const type = "Microsoft.Batch/batchAccounts";
  expect(await location.checkNameAvailability("here", { name: account, type })).toMatchObject({
    nameAvailable: false,
    reason: "AlreadyExists",
  });
  expect(await location.checkNameAvailability("here", { name: "Not-A-Name", type })).toMatchObject({
    nameAvailable: false,
    reason: "Invalid",
  });
  expect((await all(client.operations.list())).map(({ name }) => name)).toContain(
    "Microsoft.Batch/batchAccounts/pools/write",
  );
});

describe("certificates", () => {
  test("are added, shown, listed and deleted", async () => {
    const { certificateOperations: certificates } = client;
    const { raw, fingerprint } = new X509Certificate(service.https.ca);
    const thumbprint = fingerprint.replaceAll(":", "").toLowerCase();
    const name = `sha1-${thumbprint}`;
    const given = { thumbprintAlgorithm: "sha1", thumbprint, format: "Cer" as const, data: raw.toString("base64") };
    expect(await certificates.create(group, account, name, given)).toMatchObject({
      name,
      provisioningState: "Succeeded",
      publicData: raw.toString("base64"),
    });
    expect(await certificates.get(group, account, name)).toMatchObject({ thumbprint, format: "Cer" });
    expect(await certificates.update(group, account, name, { thumbprint })).toMatchObject({ name });
    expect((await all(certificates.listByBatchAccount(group, account))).map((each) => each.name)).toEqual([name]);
    expect(await codeOf(certificates.cancelDeletion(group, account, name))).toBe("CertificateStateActive");
    await certificates.beginDeleteAndWait(group, account, name);
    expect(await codeOf(certificates.get(group, account, name))).toBe("ResourceNotFound");
  });
});

test("pools", async () => {
  const { poolOperations: pools } = client;
  const made = await pools.create(group, account, "pool", {
    vmSize: "standard_d2s_v3",
    deploymentConfiguration: {
      virtualMachineConfiguration: {
        imageReference: { publisher: "canonical", offer: "0001-com-ubuntu-server-jammy", sku: "22_04-lts" },
        nodeAgentSkuId: "batch.node.ubuntu 22.04",
      },
    },
    scaleSettings: { autoScale: { formula: "$TargetDedicatedNodes = 0" } },
  });
  expect(made).toMatchObject({ name: "pool", provisioningState: "Succeeded" });
  await until(
    () => pools.get(group, account, "pool"),
    ({ allocationState }) => allocationState === "Steady",
  );
  const fixed = await pools.disableAutoScale(group, account, "pool");
  expect(fixed.scaleSettings?.fixedScale).toMatchObject({ targetDedicatedNodes: 0 });
  expect(await codeOf(pools.stopResize(group, account, "pool"))).not.toBe("accepted");
  const metadata = [{ name: "a", value: "b" }];
  expect((await pools.update(group, account, "pool", { metadata })).metadata).toEqual(metadata);
  expect((await all(pools.listByBatchAccount(group, account))).map(({ name }) => name)).toEqual(["pool"]);
  await pools.beginDeleteAndWait(group, account, "pool", { updateIntervalInMs: 100 });
  expect(await all(pools.listByBatchAccount(group, account))).toEqual([]);
});

test("what only Azure's network has is answered as by an account that has none of it", async () => {
  const { batchAccountOperations, privateEndpointConnectionOperations, privateLinkResourceOperations } = client;
  expect(await all(batchAccountOperations.listDetectors(group, account))).toEqual([]);
  expect(await codeOf(batchAccountOperations.getDetector(group, account, "any"))).toBe("ResourceNotFound");
  expect(await all(privateLinkResourceOperations.listByBatchAccount(group, account))).toEqual([]);
  expect(await codeOf(privateLinkResourceOperations.get(group, account, "any"))).toBe("ResourceNotFound");
  expect(await all(privateEndpointConnectionOperations.listByBatchAccount(group, account))).toEqual([]);
  expect(await codeOf(privateEndpointConnectionOperations.get(group, account, "any"))).toBe("ResourceNotFound");
  const approved = { privateLinkServiceConnectionState: { status: "Approved" as const } };
  expect(await codeOf(privateEndpointConnectionOperations.beginUpdateAndWait(group, account, "any", approved))).toBe(
    "ResourceNotFound",
  );
  await privateEndpointConnectionOperations.beginDeleteAndWait(group, account, "any");
  const [outbound] = await all(batchAccountOperations.listOutboundNetworkDependenciesEndpoints(group, account));
  expect(outbound?.endpoints?.[0]?.endpointDetails?.[0]?.port).toBe(Number(new URL(service.https.url).port));
});

test("and that were all of them", async () => {
  await client.batchAccountOperations.beginDeleteAndWait(group, account, { updateIntervalInMs: 100 });
  expect([...called].filter((name) => name !== "BatchAccount_GetOperationResult").sort()).toEqual(expected);
  expect(expected).toHaveLength(46);
});
