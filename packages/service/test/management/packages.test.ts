import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { BatchManagementClient } from "@azure/arm-batch";
import type { BatchServiceClient } from "@azure/batch";
import { BlockBlobClient } from "@azure/storage-blob";
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
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;
let management: BatchManagementClient;
const { resourceGroup } = firstGroup;
let account: string;

beforeAll(async () => {
  service = await runningService({ https: true });
  client = batchClient(service);
  management = await managementClient(service);
  account = service.account.name;
});
afterAll(() => service[Symbol.asyncDispose]());

const sh = (script: string) => `/bin/sh -c '${script}'`;

/** A package whose program says a word. */
const archive = (word: string) =>
  zip([
    { name: "bin/", mode: 0o40755 },
    { name: "bin/say", content: `#!/bin/sh\necho ${word}\n`, mode: 0o100755 },
  ]);

async function upload(url: string | undefined, content: Buffer): Promise<void> {
  await new BlockBlobClient(url ?? "").uploadData(content);
}

/** Adds a version, or replaces it, and activates it. */
async function publish(application: string, version: string, word: string): Promise<void> {
  await management.applicationOperations.create(resourceGroup, account, application);
  const created = await management.applicationPackageOperations.create(resourceGroup, account, application, version);
  await upload(created.storageUrl, archive(word));
  await management.applicationPackageOperations.activate(resourceGroup, account, application, version, {
    format: "zip",
  });
}

const setDefault = (application: string, defaultVersion: string) =>
  management.applicationOperations.update(resourceGroup, account, application, { defaultVersion });

const idleNodes = (poolId: string, count = 1) =>
  until(
    () => client.computeNode.list(poolId),
    (nodes) => nodes.length === count && nodes.every(({ state }) => state === "idle"),
  );

async function runTask(jobId: string, id: string, task: object) {
  await client.task.add(jobId, { id, commandLine: "true", ...task });
  return until(
    () => client.task.get(jobId, id),
    ({ state }) => state === "completed",
  );
}

async function output(jobId: string, taskId: string): Promise<string> {
  const { readableStreamBody } = await client.file.getFromTask(jobId, taskId, "stdout.txt");
  return readableStreamBody ? text(readableStreamBody) : "";
}

const codeOf = (request: Promise<unknown>) =>
  request.then(
    () => "accepted",
    (error) => error.code,
  );

describe("an application", () => {
  test("is made, changed, listed and deleted", async () => {
    const made = await management.applicationOperations.create(resourceGroup, account, "Tool", {
      parameters: { displayName: "A tool" },
    });
    expect(made).toMatchObject({ name: "Tool", displayName: "A tool", allowUpdates: true });
    expect(made.id).toMatch(/\/batchAccounts\/test\/applications\/Tool$/);
    const again = await management.applicationOperations.get(resourceGroup, account, "tool");
    expect(again.etag).toBe(made.etag);
    const names: (string | undefined)[] = [];
    for await (const { name } of management.applicationOperations.list(resourceGroup, account)) names.push(name);
    expect(names).toContain("Tool");
    expect(await codeOf(setDefault("Tool", "9"))).toBe("ApplicationPackageNotFound");
    await management.applicationOperations.delete(resourceGroup, account, "Tool");
    expect(await codeOf(management.applicationOperations.get(resourceGroup, account, "Tool"))).toBe(
      "ApplicationNotFound",
    );
  });

  test("appears on the data plane with its active versions only", async () => {
    await publish("Shown", "1.0", "shown");
    await management.applicationPackageOperations.create(resourceGroup, account, "Shown", "2.0");
    expect(await client.application.get("shown")).toMatchObject({ id: "Shown", versions: ["1.0"] });
    expect((await client.application.list()).map(({ id }) => id)).toContain("Shown");
    expect(await codeOf(client.application.get("nothing"))).toBe("ApplicationNotFound");
  });
});

describe("a package", () => {
  test("is pending until it has been uploaded and activated", async () => {
    await management.applicationOperations.create(resourceGroup, account, "steps");
    const pending = await management.applicationPackageOperations.create(resourceGroup, account, "steps", "1");
    expect(pending.state).toBe("Pending");
    expect(pending.storageUrlExpiry?.getTime()).toBeGreaterThan(Date.now());
    const activate = () =>
      management.applicationPackageOperations.activate(resourceGroup, account, "steps", "1", { format: "zip" });
    expect(await codeOf(activate())).toBe("ApplicationPackageBlobNotFound");
    await upload(pending.storageUrl, archive("x"));
    expect(await activate()).toMatchObject({ state: "Active", format: "zip", lastActivationTime: expect.any(Date) });
    expect(await codeOf(management.applicationOperations.delete(resourceGroup, account, "steps"))).toBe(
      "ApplicationHasPackages",
    );
  });

  test("is written by nobody who may not add packages, and not through its upload's URL once it is active", async () => {
    await management.applicationOperations.create(resourceGroup, account, "closed");
    const packages = management.applicationPackageOperations;
    const { storageUrl } = await packages.create(resourceGroup, account, "closed", "1");
    const reader = (await managementClient(service, { role: "reader" })).applicationPackageOperations;
    expect((await reader.get(resourceGroup, account, "closed", "1")).storageUrl).toBeUndefined();
    expect((await packages.get(resourceGroup, account, "closed", "1")).storageUrl).toMatch(/[?&]sp=rcw&/);
    await upload(storageUrl, archive("good"));
    await packages.activate(resourceGroup, account, "closed", "1", { format: "zip" });
    await upload(storageUrl, archive("evil"));
    const active = await reader.get(resourceGroup, account, "closed", "1");
    expect(active.storageUrl).toMatch(/[?&]sp=r&/);
    expect(await new BlockBlobClient(active.storageUrl ?? "").downloadToBuffer()).toEqual(archive("good"));
    const again = await packages.create(resourceGroup, account, "closed", "1");
    const whileReplaced = await reader.get(resourceGroup, account, "closed", "1");
    expect(new URL(again.storageUrl ?? "").pathname).not.toBe(new URL(whileReplaced.storageUrl ?? "").pathname);
    expect(await new BlockBlobClient(whileReplaced.storageUrl ?? "").downloadToBuffer()).toEqual(archive("good"));
  });

  test("that is active cannot be replaced or deleted when updates are not allowed, but a new one can be added", async () => {
    await publish("locked", "1", "locked");
    await management.applicationOperations.update(resourceGroup, account, "locked", { allowUpdates: false });
    const packages = management.applicationPackageOperations;
    expect(await codeOf(packages.create(resourceGroup, account, "locked", "1"))).toBe(
      "ApplicationPackageUpdatesNotAllowed",
    );
    expect(await codeOf(packages.delete(resourceGroup, account, "locked", "1"))).toBe(
      "ApplicationPackageUpdatesNotAllowed",
    );
    expect(await packages.create(resourceGroup, account, "locked", "2")).toMatchObject({ state: "Pending" });
  });

  test("that was the default leaves the application without one when it is deleted", async () => {
    await publish("default", "1", "default");
    expect(await setDefault("default", "1")).toMatchObject({ defaultVersion: "1" });
    await management.applicationPackageOperations.delete(resourceGroup, account, "default", "1");
    const { defaultVersion } = await management.applicationOperations.get(resourceGroup, account, "default");
    expect(defaultVersion).toBeUndefined();
  });
});

describe("a package that `az` makes", () => {
  test("is uploaded by way of this server, with its signature only", async () => {
    const az = await managementClient(service, { userAgent: "AZURECLI/2.45.0 (DEB) azsdk-python-mgmt-batch/16.2.0" });
    await az.applicationOperations.create(resourceGroup, account, "az");
    const { storageUrl = "" } = await az.applicationPackageOperations.create(resourceGroup, account, "az", "1");
    // What `az` makes of it: the first name is the account, the second goes, the rest is where it connects to.
    expect(storageUrl.split("/")[2]).toMatch(/^[a-z0-9]+\.blob\.core\.@localhost:\d+$/);
    const url = new URL(storageUrl.replace("https:", "http:"));
    const relayed = `${service.url}${url.pathname}`;
    // More than a request to the API may be.
    const content = zip([{ name: "big", content: randomBytes(6_000_000) }]);
    const put = (query: string) =>
      fetch(relayed + query, { method: "PUT", body: content, headers: { "x-ms-blob-type": "BlockBlob" } });
    // Without a signature it is a request like others, and its body is not read.
    expect((await put("?comp=block")).status).toBe(400);
    expect((await put(url.search.replace(/sig=../, "sig=xx"))).status).toBe(403);
    const answer = await put(url.search);
    expect(answer.status).toBe(201);
    expect(answer.headers.get("etag")).toMatch(/./);
    expect(
      await az.applicationPackageOperations.activate(resourceGroup, account, "az", "1", { format: "zip" }),
    ).toMatchObject({ state: "Active", storageUrl: expect.stringContaining(service.storage.blobEndpoint) });
  });
});

describe("on nodes", () => {
  beforeAll(async () => {
    await publish("My-App", "1.0", "one");
    await setDefault("My-App", "1.0");
    await client.pool.add(
      aPool("packages", {
        applicationPackageReferences: [{ applicationId: "my-app" }],
        startTask: { commandLine: sh("$AZ_BATCH_APP_PACKAGE_My_App/bin/say"), waitForSuccess: true },
      }),
    );
    await client.job.add({ id: "job", poolInfo: { poolId: "packages" } });
  });

  test("the pool's packages are there before its start task", async () => {
    const [node] = await idleNodes("packages");
    expect(node?.startTaskInfo).toMatchObject({ result: "success", exitCode: 0 });
  });

  test("a task finds the pool's packages and its own under their variables", async () => {
    await publish("other", "2.5-rc.1", "two");
    const task = await runTask("job", "both", {
      commandLine: sh("$AZ_BATCH_APP_PACKAGE_my_app/bin/say; $AZ_BATCH_APP_PACKAGE_other_2_5_rc_1/bin/say"),
      applicationPackageReferences: [{ applicationId: "OTHER", version: "2.5-RC.1" }],
    });
    expect(task.executionInfo).toMatchObject({ exitCode: 0 });
    expect(await output("job", "both")).toBe("one\ntwo\n");
  });

  test.each([
    ["an unknown application", { applicationId: "none" }, "There is no such application"],
    ["a version that is not active", { applicationId: "Shown", version: "2.0" }, "There is no active package"],
    ["no version where there is no default", { applicationId: "other" }, "The application has no default version"],
  ])("a task that refers to %s fails without a retry", async (what, reference, reason) => {
    const { executionInfo } = await runTask("job", what.replaceAll(" ", "-"), {
      applicationPackageReferences: [reference],
      constraints: { maxTaskRetryCount: 3 },
    });
    expect(executionInfo).toMatchObject({ retryCount: 0, result: "failure" });
    expect(executionInfo?.failureInfo).toMatchObject({ category: "UserError", code: "ApplicationPackageError" });
    expect(JSON.stringify(executionInfo?.failureInfo?.details)).toContain(reason);
  });

  test("a pool that refers to what cannot be installed is refused, with each reason", async () => {
    const add = client.pool.add(
      aPool("refused", { applicationPackageReferences: [{ applicationId: "none" }, { applicationId: "other" }] }),
    );
    const error = await add.catch((cause) => cause);
    expect(error.code).toBe("InvalidApplicationPackageReferences");
    expect(error.body.values).toEqual([
      { key: "none", value: "There is no such application" },
      { key: "other", value: "The application has no default version" },
    ]);
  });

  test("a replaced package reaches a node of the pool when it reboots, and the old one is removed", async () => {
    await publish("My-App", "1.0", "changed");
    await runTask("job", "before", { commandLine: sh("$AZ_BATCH_APP_PACKAGE_my_app/bin/say") });
    expect(await output("job", "before")).toBe("one\n");
    const [node] = await client.computeNode.list("packages");
    await client.computeNode.reboot("packages", node?.id ?? "");
    await until(
      () => client.computeNode.get("packages", node?.id ?? ""),
      ({ state, lastBootTime }) => state === "idle" && lastBootTime?.getTime() !== node?.lastBootTime?.getTime(),
    );
    await runTask("job", "after", { commandLine: sh("$AZ_BATCH_APP_PACKAGE_my_app/bin/say") });
    expect(await output("job", "after")).toBe("changed\n");
    const directory = join(service.nodesDirectory, node?.id ?? "", "root", "applications");
    const installed = await until(
      () => readdir(directory),
      (names) => names.filter((name) => name.startsWith("My-App@")).length === 1,
    );
    expect(installed.some((name) => name.startsWith("other@"))).toBe(true);
  });

  test("a deleted package goes from nodes and from the storage", async () => {
    const packages = management.applicationPackageOperations;
    const { storageUrl = "" } = await packages.get(resourceGroup, account, "other", "2.5-rc.1");
    const [node] = await client.computeNode.list("packages");
    await packages.delete(resourceGroup, account, "other", "2.5-rc.1");
    const directory = join(service.nodesDirectory, node?.id ?? "", "root", "applications");
    await until(
      () => readdir(directory),
      (names) => !names.some((name) => name.startsWith("other@")),
    );
    const removals = await service.database<{ blob: string }[]>`select blob from blob_removal`;
    expect(removals.some(({ blob }) => storageUrl.includes(encodeURI(blob)))).toBe(true);
  });

  test("a package that cannot be unpacked makes the pool's node unusable until it is rebooted with a better one", async () => {
    await publish("broken", "1", "fine");
    const { storageUrl } = await management.applicationPackageOperations.create(resourceGroup, account, "broken", "1");
    await upload(storageUrl, zip([{ name: "../../evil", content: "x" }]));
    await management.applicationPackageOperations.activate(resourceGroup, account, "broken", "1", { format: "zip" });
    await client.pool.add(
      aPool("broken", { applicationPackageReferences: [{ applicationId: "broken", version: "1" }] }),
    );
    const [node] = await until(
      () => client.computeNode.list("broken"),
      ([first]) => first?.state === "unusable",
    );
    expect(node?.errors?.[0]).toMatchObject({ code: "ApplicationPackageError" });
    await publish("broken", "1", "mended");
    await client.computeNode.reboot("broken", node?.id ?? "");
    await idleNodes("broken");
  });
});
