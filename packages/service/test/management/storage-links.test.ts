import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { BatchManagementClient } from "@azure/arm-batch";
import type { BatchServiceClient } from "@azure/batch";
import { BlobServiceClient, BlockBlobClient } from "@azure/storage-blob";
import { createLog, systemClock } from "@kyanite/runtime";
import { type EmbeddedStorage, type StorageAccount, startEmbeddedStorage } from "@kyanite/storage";
import {
  aPool,
  batchClient,
  firstGroup,
  managementClient,
  type RunningService,
  runningService,
  until,
  zip,
} from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Two Batch accounts, each linked with a storage account of its own, and one that is linked with none. */

const { resourceGroup } = firstGroup;
const container = `links-${process.pid}`;
let directory: string;
let otherStorage: EmbeddedStorage;
let service: RunningService;
let management: BatchManagementClient;
let first: BatchServiceClient;
let second: BatchServiceClient;
let unlinked: BatchServiceClient;

const storageId = (name: string) =>
  `/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/${name}`;

async function makeAccount(name: string, storage?: StorageAccount): Promise<BatchServiceClient> {
  await management.batchAccountOperations.beginCreateAndWait(resourceGroup, name, {
    location: "here",
    ...(storage ? { autoStorage: { storageAccountId: storageId(storage.accountName) } } : {}),
  });
  const { primary: key = "" } = await management.batchAccountOperations.getKeys(resourceGroup, name);
  return batchClient({ account: { name, key }, url: service.url });
}

/** Puts a file into the container that has the same name in both storage accounts. */
async function put(storage: StorageAccount, name: string, content: string): Promise<void> {
  const blobs = BlobServiceClient.fromConnectionString(storage.connectionString).getContainerClient(container);
  await blobs.createIfNotExists();
  await blobs.getBlockBlobClient(name).upload(content, content.length);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-links-"));
  const means = { environment: { PATH: process.env.PATH }, clock: systemClock, log: createLog("error") };
  otherStorage = await startEmbeddedStorage({ directory, accountName: "other", ...means });
  service = await runningService({ https: true, moreStorage: [otherStorage.account] });
  management = await managementClient(service);
  first = batchClient(service);
  second = await makeAccount("second", otherStorage.account);
  unlinked = await makeAccount("unlinked");
  await put(service.storage, "in/word.txt", "first");
  await put(otherStorage.account, "in/word.txt", "second");
  await put(otherStorage.account, "out/other.txt", "not wanted");
  for (const client of [first, second, unlinked]) {
    await client.pool.add(aPool("pool"));
    await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  }
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await otherStorage.stop();
  await rm(directory, { recursive: true, force: true });
});

async function run(client: BatchServiceClient, id: string, task: object) {
  await client.task.add("job", { id, commandLine: "/bin/sh -c 'find . -type f | sort; cat in/word.txt'", ...task });
  return until(
    () => client.task.get("job", id),
    ({ state }) => state === "completed",
  );
}

async function output(client: BatchServiceClient, id: string): Promise<string> {
  const { readableStreamBody } = await client.file.getFromTask("job", id, "stdout.txt");
  return readableStreamBody ? text(readableStreamBody) : "";
}

test("a container of the linked account is the account's own, even where another has one of the same name", async () => {
  const resourceFiles = [{ autoStorageContainerName: container, blobPrefix: "in/" }];
  for (const [client, word] of [
    [first, "first"],
    [second, "second"],
  ] as const) {
    const { executionInfo } = await run(client, "staged", { resourceFiles });
    expect(executionInfo).toMatchObject({ exitCode: 0 });
    expect(await output(client, "staged")).toBe(`./in/word.txt\n${word}`);
  }
});

test("a container that only the other storage account has is not found", async () => {
  const only = `only-${process.pid}`;
  await BlobServiceClient.fromConnectionString(service.storage.connectionString).createContainer(only);
  const { executionInfo } = await run(second, "elsewhere", { resourceFiles: [{ autoStorageContainerName: only }] });
  expect(executionInfo?.failureInfo).toMatchObject({ category: "UserError", code: "ResourceContainerNotFound" });
});

test("a task of an account without storage says why it gets no files", async () => {
  const { executionInfo } = await run(unlinked, "staged", { resourceFiles: [{ autoStorageContainerName: container }] });
  expect(executionInfo?.failureInfo).toMatchObject({ category: "UserError", code: "ResourceContainerNotFound" });
  expect(JSON.stringify(executionInfo?.failureInfo?.details)).toContain("no linked storage account");
  const { applicationOperations: applications, applicationPackageOperations: packages } = management;
  await applications.create(resourceGroup, "unlinked", "tool");
  const refused = await packages.create(resourceGroup, "unlinked", "tool", "1").catch((cause) => cause);
  expect(refused).toMatchObject({ code: "AutoStorageNotConfigured", statusCode: 409 });
});

test("packages of one name lie in the storage of their account and reach its nodes only", async () => {
  const accounts = [
    [service.account.name, first, service.storage, "one"],
    ["second", second, otherStorage.account, "two"],
  ] as const;
  for (const [name, , storage, word] of accounts) {
    await management.applicationOperations.create(resourceGroup, name, "tool");
    const made = await management.applicationPackageOperations.create(resourceGroup, name, "tool", "1");
    expect(made.storageUrl).toMatch(new RegExp(`^${storage.blobEndpoint}/`));
    const archive = zip([{ name: "say", content: `#!/bin/sh\necho ${word}\n`, mode: 0o100755 }]);
    await new BlockBlobClient(made.storageUrl ?? "").uploadData(archive);
    await management.applicationPackageOperations.activate(resourceGroup, name, "tool", "1", { format: "zip" });
  }
  for (const [, client, , word] of accounts) {
    await run(client, "packaged", {
      commandLine: "/bin/sh -c $AZ_BATCH_APP_PACKAGE_tool_1/say",
      applicationPackageReferences: [{ applicationId: "tool", version: "1" }],
    });
    expect(await output(client, "packaged")).toBe(`${word}\n`);
  }
});
