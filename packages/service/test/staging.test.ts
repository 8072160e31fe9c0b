import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { BatchServiceClient } from "@azure/batch";
import {
  agentOfNode,
  aPool,
  batchClient,
  type RunningService,
  runningService,
  storageContainer,
  type TestContainer,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { orderMaker } from "../src/http/agents/run-orders.ts";
import { storageAccounts } from "../src/storage-accounts.ts";

let service: RunningService;
let client: BatchServiceClient;
let container: TestContainer;
let autoStorageContainerName: string;

const sh = (script: string) => `/bin/sh -c '${script}'`;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
  container = await storageContainer(service, "staging");
  autoStorageContainerName = container.container.containerName;
  for (const name of ["in/a.txt", "in/deep/b.txt", "in-between.txt", "out-of-it.txt"])
    await container.upload(name, `of ${name}`);
  await client.pool.add(
    aPool("pool", {
      startTask: {
        commandLine: sh("find . -type f | sort; grep -q . started/in/deep/b.txt"),
        waitForSuccess: true,
        resourceFiles: [{ autoStorageContainerName, blobPrefix: "in/", filePath: "started" }],
      },
    }),
  );
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
});
afterAll(() => service[Symbol.asyncDispose]());

const completed = (jobId: string, taskId: string) =>
  until(
    () => client.task.get(jobId, taskId),
    ({ state }) => state === "completed",
    60,
  );

async function run(id: string, task: object) {
  await client.task.add("job", { id, commandLine: "true", ...task });
  return completed("job", id);
}

async function output(jobId: string, taskId: string): Promise<string> {
  const { readableStreamBody } = await client.file.getFromTask(jobId, taskId, "stdout.txt");
  return readableStreamBody ? text(readableStreamBody) : "";
}

describe("resource files", () => {
  test("of a start task come from the linked storage account", async () => {
    const [node] = await until(
      () => client.computeNode.list("pool"),
      ([first]) => first?.state === "idle",
    );
    expect(node?.startTaskInfo).toMatchObject({ result: "success", exitCode: 0 });
    const { readableStreamBody } = await client.file.getFromComputeNode("pool", node?.id ?? "", "startup/stdout.txt");
    const listed = readableStreamBody ? await text(readableStreamBody) : "";
    expect(listed).toBe("./started/in/a.txt\n./started/in/deep/b.txt\n");
  });

  test("of a task come in every form, at their places, with their modes", async () => {
    const storageContainerUrl = container.url;
    await run("forms", {
      commandLine: sh('find . -type f -printf "%m %p\\n" | sort -k2; cat url/one'),
      resourceFiles: [
        { httpUrl: container.urlOf("in/a.txt"), filePath: "url/one", fileMode: "0640" },
        { storageContainerUrl },
        { storageContainerUrl, blobPrefix: "in", filePath: "prefix", fileMode: "0o444" },
        { autoStorageContainerName, blobPrefix: "in/deep/", filePath: "auto" },
      ],
    });
    expect((await output("job", "forms")).split("\n")).toEqual([
      "770 ./auto/in/deep/b.txt",
      "770 ./in-between.txt",
      "770 ./in/a.txt",
      "770 ./in/deep/b.txt",
      "770 ./out-of-it.txt",
      "444 ./prefix/in-between.txt",
      "444 ./prefix/in/a.txt",
      "444 ./prefix/in/deep/b.txt",
      "640 ./url/one",
      "of in/a.txt",
    ]);
  });

  test("of preparation and release tasks and of a job manager come as well", async () => {
    const resourceFiles = [{ autoStorageContainerName, blobPrefix: "in/a" }];
    const commandLine = "/bin/cat in/a.txt";
    await client.job.add({
      id: "around",
      poolInfo: { poolId: "pool" },
      jobPreparationTask: { commandLine, resourceFiles },
      jobReleaseTask: { commandLine, resourceFiles },
      jobManagerTask: {
        id: "manager",
        commandLine,
        resourceFiles,
        outputFiles: [
          {
            filePattern: "../stdout.txt",
            destination: { container: { containerUrl: container.url, path: "managed" } },
            uploadOptions: { uploadCondition: "tasksuccess" },
          },
        ],
      },
    });
    await until(
      () => client.job.listPreparationAndReleaseTaskStatus("around"),
      ([status]) => status?.jobReleaseTaskExecutionInfo?.state === "completed",
    );
    const [status] = await client.job.listPreparationAndReleaseTaskStatus("around");
    expect(status?.jobPreparationTaskExecutionInfo).toMatchObject({ exitCode: 0, result: "success" });
    expect(status?.jobReleaseTaskExecutionInfo).toMatchObject({ exitCode: 0, result: "success" });
    expect(await container.text("managed")).toBe("of in/a.txt");
  });

  test.each([
    ["a blob that is not there", () => ({ httpUrl: container.urlOf("none"), filePath: "x" }), "BlobNotFound"],
    [
      "a blob without a right to it",
      () => ({ httpUrl: container.urlOf("in/a.txt").replace(/sig=[^&]*/, "sig=AAAA"), filePath: "x" }),
      "BlobAccessDenied",
    ],
    ["a container that is not there", () => ({ autoStorageContainerName: "none" }), "ResourceContainerNotFound"],
    [
      "a container without a right to list it",
      () => ({ storageContainerUrl: container.url.replace(/sig=[^&]*/, "sig=AAAA") }),
      "ResourceContainerAccessDenied",
    ],
  ])("from %s fail the task without a retry", async (what, file, code) => {
    const { executionInfo } = await run(what.replaceAll(" ", "-"), {
      resourceFiles: [file()],
      constraints: { maxTaskRetryCount: 3 },
    });
    expect(executionInfo).toMatchObject({ retryCount: 0, result: "failure" });
    expect(executionInfo).not.toHaveProperty("exitCode");
    expect(executionInfo?.failureInfo).toMatchObject({ category: "UserError", code });
    expect(JSON.stringify(executionInfo?.failureInfo)).not.toContain("sig=");
  });

  test("of the linked storage account have one URL for an hour, so that a node fetches them once", async () => {
    const urlAt = async (time: string) => {
      const outcome = await orderMaker({
        database: service.database,
        storage: storageAccounts([service.storage]),
        taskToken: () => "",
        keeping: { keptLogs: "none", keptLogBytes: 0 },
        accountUrl: () => service.url,
        now: () => new Date(time),
      })({
        kind: "startTask",
        runId: "r",
        accountName: service.account.name,
        storageAccount: service.storage.accountName,
        poolId: "pool",
        nodeId: "node",
        isDedicated: true,
        certificateReferences: null,
        nodePackages: [],
        containerConfiguration: null,
        enableInterNodeCommunication: false,
        packages: null,
        startTask: { commandLine: "true", resourceFiles: [{ autoStorageContainerName }] },
      });
      return outcome.kind === "order" ? outcome.order.downloads[0]?.url : undefined;
    };
    const url = await urlAt("2026-01-01T10:00:01Z");
    expect(url).toContain(`/${autoStorageContainerName}?`);
    expect(await urlAt("2026-01-01T10:59:59Z")).toBe(url);
    expect(await urlAt("2026-01-01T11:00:01Z")).not.toBe(url);
    expect(new URL(url ?? "").searchParams.get("se")).toBe("2026-01-08T11:00:00Z");
  });

  const identityReference = { resourceId: "/subscriptions/s/identity" };
  test.each([
    ["two sources", { httpUrl: "http://h/a", autoStorageContainerName: "c", filePath: "x" }],
    ["no source", { filePath: "x" }],
    ["a URL that is none", { httpUrl: "ftp://h/a", filePath: "x" }],
    ["no path for a file", { httpUrl: "http://h/a" }],
    ["a prefix for a single file", { httpUrl: "http://h/a", filePath: "x", blobPrefix: "p" }],
    ["a way out", { httpUrl: "http://h/a", filePath: "a/../../x" }],
    ["an absolute path", { httpUrl: "http://h/a", filePath: "/etc/x" }],
    ["a directory that is a way out", { storageContainerUrl: "http://h/a", filePath: ".." }],
    ["a mode that is none", { httpUrl: "http://h/a", filePath: "x", fileMode: "0999" }],
    ["an identity", { httpUrl: "http://h/a", filePath: "x", identityReference }],
  ])("with %s are refused", async (what, file) => {
    const added = client.task.add("job", { id: "refused", commandLine: "true", resourceFiles: [file] });
    const error = await added.catch((cause) => cause);
    expect([error.statusCode, error.code]).toEqual([
      400,
      what === "an identity" ? "UnsupportedProperty" : "InvalidPropertyValue",
    ]);
    expect(JSON.stringify(error.body)).toContain("resourceFiles[0]");
  });
});

describe("output files", () => {
  const to = (path?: string, more: object = {}) => ({
    destination: { container: { containerUrl: container.url, ...(path === undefined ? {} : { path }), ...more } },
    uploadOptions: { uploadCondition: "taskcompletion" as const },
  });

  test("of any size and name arrive as they were, with their headers, in place of what was there", async () => {
    await container.upload("results/large.bin", "old");
    const { executionInfo } = await run("large", {
      commandLine: sh('seq 1 3000000 > large.bin; : > empty; echo x > "sp ace#?%&+é"; md5sum < large.bin'),
      outputFiles: [
        {
          filePattern: "**",
          ...to("results", {
            uploadHeaders: [
              { name: "x-ms-blob-content-type", value: "text/x-numbers" },
              { name: "x-ms-blob-cache-control", value: "no-store" },
            ],
          }),
        },
      ],
    });
    expect(executionInfo).toMatchObject({ exitCode: 0, result: "success" });
    const properties = await container.container.getBlobClient("results/large.bin").getProperties();
    expect(properties).toMatchObject({ contentType: "text/x-numbers", cacheControl: "no-store" });
    expect(properties.contentLength).toBeGreaterThan(20_000_000);
    expect(await container.text("results/sp ace#?%&+é")).toBe("x\n");
    expect(await container.text("results/empty")).toBe("");

    await run("back", {
      commandLine: sh("md5sum < numbers"),
      resourceFiles: [{ httpUrl: container.urlOf("results/large.bin"), filePath: "numbers" }],
    });
    expect(await output("job", "back")).toBe(await output("job", "large"));
  });

  test("and resource files of 200 MB leave the agent's memory below 150 MB", async () => {
    await run("huge-out", {
      commandLine: sh("head -c 200M /dev/zero > huge"),
      outputFiles: [{ filePattern: "huge", ...to("huge") }],
    });
    const { executionInfo, nodeInfo } = await run("huge-in", {
      commandLine: sh("test $(stat -c %s huge) = 209715200"),
      resourceFiles: [{ httpUrl: container.urlOf("huge"), filePath: "huge" }],
    });
    expect(executionInfo).toMatchObject({ exitCode: 0, result: "success" });
    const agent = await agentOfNode(service.nodesDirectory, nodeInfo?.nodeId ?? "");
    const status = await readFile(`/proc/${agent?.pid}/status`, "utf8");
    const peakKilobytes = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]);
    expect(peakKilobytes).toBeGreaterThan(0);
    expect(peakKilobytes).toBeLessThan(150 * 1024);
  }, 120_000);

  test("are uploaded after a crash and after each try of a task", async () => {
    const { executionInfo } = await run("crash", {
      commandLine: sh("echo try >> tries; kill -SEGV $$"),
      constraints: { maxTaskRetryCount: 1 },
      outputFiles: [{ filePattern: "tries", ...to("crash/tries") }],
    });
    expect(executionInfo).toMatchObject({ exitCode: 139, retryCount: 1, result: "failure" });
    expect(await container.text("crash/tries")).toMatch(/^try\n/);
  });

  test("that nothing matches are no failure, and the node tells of it", async () => {
    const { executionInfo } = await run("nothing", { outputFiles: [{ filePattern: "*.none", ...to("x") }] });
    expect(executionInfo).toMatchObject({ exitCode: 0, result: "success" });
    const { readableStreamBody } = await client.file.getFromTask("job", "nothing", "fileuploadout.txt");
    expect(readableStreamBody ? await text(readableStreamBody) : "").toContain("No file matches *.none");
  });

  test("with an identity or without a container are refused", async () => {
    const add = (outputFile: object) =>
      client.task
        .add("job", { id: "refused", commandLine: "true", outputFiles: [{ filePattern: "x", ...to(), ...outputFile }] })
        .catch((cause) => cause);
    const identityReference = { resourceId: "/subscriptions/s/identity" };
    expect((await add(to("x", { identityReference }))).code).toBe("UnsupportedProperty");
    expect((await add({ destination: {} })).statusCode).toBe(400);
  });
});

test("files of the linked storage account fail a task once the account has none", async () => {
  await service.database`update account set storage_account = null`;
  const { executionInfo } = await run("unlinked", { resourceFiles: [{ autoStorageContainerName }] });
  expect(executionInfo?.failureInfo).toMatchObject({ category: "UserError", code: "ResourceContainerNotFound" });
  expect(JSON.stringify(executionInfo?.failureInfo)).toContain("no linked storage account");
});

test("a URL at the name that the storage account has in Azure means the account here", async () => {
  const { pathname, search } = new URL(container.url);
  const inCloud = `https://kyanite.blob.core.windows.net${pathname.replace("/kyanite", "")}${search}`;
  const { executionInfo } = await run("cloud", {
    commandLine: sh("cp cloud/in/a.txt cloud.txt"),
    resourceFiles: [
      { storageContainerUrl: inCloud, blobPrefix: "in/a", filePath: "cloud" },
      { httpUrl: inCloud.replace("?", "/in/a.txt?"), filePath: "one" },
    ],
    outputFiles: [
      {
        filePattern: "cloud.txt",
        destination: { container: { containerUrl: inCloud, path: "from-cloud" } },
        uploadOptions: { uploadCondition: "tasksuccess" },
      },
    ],
  });
  expect(executionInfo).toMatchObject({ result: "success" });
  expect(await container.text("from-cloud")).toBe("of in/a.txt");
});
