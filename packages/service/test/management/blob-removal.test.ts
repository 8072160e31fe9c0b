import { randomUUID } from "node:crypto";
import { BlobServiceClient, BlockBlobClient } from "@azure/storage-blob";
import { createLog } from "@kyanite/runtime";
import { firstGroup, managementClient, type RunningService, runningService, zip } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { activatePackage, blobOf, insertPromotion } from "../../src/lifecycle/application.ts";
import { collectBlobs } from "../../src/loops/collect-blobs.ts";
import { storageAccounts } from "../../src/storage-accounts.ts";
import { readAccount } from "../../src/store/accounts.ts";
import { insertBlobRemovals, readApplication, readPackage } from "../../src/store/applications.ts";

let service: RunningService;
const { resourceGroup } = firstGroup;
/** Its container is named after it, and other tests use the same storage. */
const app = `app-${randomUUID()}`;

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

/** Uploads a version and activates it; answers the container, and the blobs of the upload and of what nodes get. */
async function publish(version: string) {
  const { applicationPackageOperations: packages } = await managementClient(service);
  const { storageUrl = "" } = await packages.create(resourceGroup, service.account.name, app, version);
  const upload = new BlockBlobClient(storageUrl);
  await upload.uploadData(zip([{ name: "file", content: version }]));
  const active = await packages.activate(resourceGroup, service.account.name, app, version, { format: "zip" });
  const { name } = new BlockBlobClient(active.storageUrl ?? "");
  return { container: upload.containerName, name, upload: upload.name };
}

test("replaced and deleted packages stay for an hour, for nodes that are fetching them, and then go", async () => {
  const { applicationOperations: applications, applicationPackageOperations: packages } =
    await managementClient(service);
  await applications.create(resourceGroup, service.account.name, app);
  const replaced = await publish("1");
  const kept = await publish("1");
  const deleted = await publish("2");
  await packages.delete(resourceGroup, service.account.name, app, "2");
  const { container } = kept;
  const uploads = [replaced.upload, kept.upload, deleted.upload];
  const all = [...uploads, replaced.name, kept.name, deleted.name].sort();
  expect(await blobsOf(container)).toEqual(all);
  const loop = collectBlobs(service.database, storageAccounts([service.storage]), createLog("error"));
  const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000);
  await loop.round(inMinutes(50));
  expect(await blobsOf(container)).toEqual(all);
  await loop.round(inMinutes(70));
  // Until its URL has expired, an upload could come again.
  expect(await blobsOf(container)).toEqual([...uploads, kept.name].sort());
  await loop.round(inMinutes(310));
  expect(await blobsOf(container)).toEqual([kept.name]);
});

test("a copy that was made for an activation that failed goes after an hour", async () => {
  const { applicationOperations: applications, applicationPackageOperations: packages } =
    await managementClient(service);
  const failed = `failed-${randomUUID()}`;
  await applications.create(resourceGroup, service.account.name, failed);
  const { storageUrl = "" } = await packages.create(resourceGroup, service.account.name, failed, "1");
  const upload = new BlockBlobClient(storageUrl);
  await upload.uploadData(zip([{ name: "file", content: "1" }]));
  const account = await readAccount(service.database, service.account.name);
  const application = account && (await readApplication(service.database, account, failed));
  const prepared = application && (await readPackage(service.database, application, "1"));
  if (!prepared) throw new Error("There is no package");
  const contentId = await insertPromotion(service.database, application, prepared, new Date());
  const { blob } = blobOf(application, prepared, contentId);
  const storage = storageAccounts([service.storage]);
  const place = { ...blobOf(application, prepared, prepared.uploadId ?? ""), to: blob };
  await storage.copyBlob({ ...place, expiresOn: new Date(Date.now() + 60_000) });
  expect(await blobsOf(upload.containerName)).toContain(blob);
  const loop = collectBlobs(service.database, storage, createLog("error"));
  await loop.round(new Date(Date.now() + 70 * 60_000));
  expect(await blobsOf(upload.containerName)).toEqual([upload.name]);
  const activation = { prepared, contentId, now: new Date() };
  await expect(activatePackage(service.database, application, activation)).rejects.toThrow();
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
