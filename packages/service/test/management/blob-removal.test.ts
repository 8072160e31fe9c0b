import { randomUUID } from "node:crypto";
import { BlobServiceClient, BlockBlobClient } from "@azure/storage-blob";
import { createLog } from "@kyanite/runtime";
import { firstGroup, managementClient, type RunningService, runningService, zip } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collectBlobs } from "../../src/loops/collect-blobs.ts";
import { storageAccounts } from "../../src/storage-accounts.ts";
import { insertBlobRemovals } from "../../src/store/applications.ts";

let service: RunningService;
const { resourceGroup } = firstGroup;

beforeAll(async () => {
  service = await runningService({ https: true });
});
afterAll(() => service[Symbol.asyncDispose]());

async function blobsOf(container: string): Promise<string[]> {
  const names: string[] = [];
  const blobs = BlobServiceClient.fromConnectionString(service.storage.connectionString).getContainerClient(container);
  for await (const { name } of blobs.listBlobsFlat()) names.push(name);
  return names.sort();
}

/** Uploads a version and activates it; answers the container and the blob. */
async function publish(version: string) {
  const { applicationPackageOperations: packages } = await managementClient(service);
  const { storageUrl = "" } = await packages.create(resourceGroup, service.account.name, "app", version);
  const blob = new BlockBlobClient(storageUrl);
  await blob.uploadData(zip([{ name: "file", content: version }]));
  await packages.activate(resourceGroup, service.account.name, "app", version, { format: "zip" });
  return { container: blob.containerName, name: blob.name };
}

test("replaced and deleted packages stay for an hour, for nodes that are fetching them, and then go", async () => {
  const { applicationOperations: applications, applicationPackageOperations: packages } =
    await managementClient(service);
  await applications.create(resourceGroup, service.account.name, "app");
  const replaced = await publish("1");
  const kept = await publish("1");
  const deleted = await publish("2");
  await packages.delete(resourceGroup, service.account.name, "app", "2");
  const { container } = kept;
  expect(await blobsOf(container)).toEqual([replaced.name, kept.name, deleted.name].sort());
  const loop = collectBlobs(service.database, storageAccounts([service.storage]), createLog("error"));
  const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000);
  await loop.round(inMinutes(50));
  expect(await blobsOf(container)).toEqual([replaced.name, kept.name, deleted.name].sort());
  await loop.round(inMinutes(70));
  expect(await blobsOf(container)).toEqual([kept.name]);
});

test("blobs that cannot be removed do not hold up the others, and those that are gone already are done with", async () => {
  const { accountName: storageAccount, connectionString } = service.storage;
  const container = `removal-${randomUUID()}`;
  const client = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(container);
  await client.create();
  await client.getBlockBlobClient("blob").upload("x", 1);
  const due = new Date();
  // As after the setting has lost a storage account: more of them than one round looks at.
  const stuck = Array.from({ length: 100 }, (_, index) => ({ storageAccount: "gone", container, blob: `${index}` }));
  await insertBlobRemovals(service.database, stuck, due);
  const places = [
    { storageAccount, container: `${container}-gone`, blob: "blob" },
    { storageAccount, container, blob: "blob" },
  ];
  await insertBlobRemovals(service.database, places, new Date(due.getTime() + 1000));
  const loop = collectBlobs(service.database, storageAccounts([service.storage]), createLog("silent"));
  const now = new Date(due.getTime() + 2000);
  while (await loop.round(now));
  expect(await blobsOf(container)).toEqual([]);
  const left = await service.database`select distinct storage_account from blob_removal`;
  expect(left.map(({ storageAccount: name }) => name)).toEqual(["gone"]);
});
