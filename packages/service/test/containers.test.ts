import { text } from "node:stream/consumers";
import type { BatchServiceClient, BatchServiceModels } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, storageContainer, until } from "@kyanite/testkit";
import { hasRuntime, startRuntime, type TestRuntime, testImage } from "@kyanite/testkit/container-runtimes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ofContainers = (containerConfiguration: BatchServiceModels.ContainerConfiguration = {}) => ({
  virtualMachineConfiguration: {
    imageReference: {
      publisher: "microsoft-azure-batch",
      offer: "ubuntu-server-container",
      sku: "20-04-lts",
      version: "latest",
    },
    nodeAgentSKUId: "batch.node.ubuntu 20.04",
    containerConfiguration,
  },
});

const shell = (script: string) => `/bin/sh -c '${script}'`;

const containerSettings = { imageName: testImage };

const nodeOf = (client: BatchServiceClient, poolId: string, state: string) =>
  until(
    async () => [...(await client.computeNode.list(poolId))],
    (nodes) => nodes[0]?.state === state,
    60,
  ).then(([node]) => node);

describe.skipIf(!hasRuntime("docker"))("a container pool", () => {
  let runtime: TestRuntime;
  let service: RunningService;
  let client: BatchServiceClient;
  beforeAll(async () => {
    runtime = await startRuntime("docker");
    service = await runningService({ agentEnvironment: { KYANITE_AGENT_CONTAINER_RUNTIME: runtime.socket } });
    client = batchClient(service);
    const images = { containerImageNames: [testImage] };
    const startTask = { commandLine: shell("echo started"), containerSettings, waitForSuccess: true };
    await client.pool.add(aPool("pool", { ...ofContainers(images), startTask, taskSlotsPerNode: 4 }));
    await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  }, 120_000);
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    expect(runtime.run("ps", "-aq")).toBe("");
    await runtime[Symbol.asyncDispose]();
  }, 120_000);

  const run = async (task: BatchServiceModels.TaskAddParameter, jobId = "job") => {
    await client.task.add(jobId, task);
    return until(
      () => client.task.get(jobId, task.id),
      ({ state }) => state === "completed",
      60,
    );
  };
  const output = async (taskId: string, jobId = "job") => {
    const { readableStreamBody } = await client.file.getFromTask(jobId, taskId, "stdout.txt");
    return readableStreamBody ? text(readableStreamBody) : undefined;
  };

  test("its start task runs in a container, which the node shows", async () => {
    const node = await nodeOf(client, "pool", "idle");
    expect(node?.startTaskInfo).toMatchObject({
      result: "success",
      containerInfo: { containerId: expect.stringMatching(/^[0-9a-f]{64}$/), state: "exited" },
    });
  });

  test("a task runs in its container, which it shows while it runs and after", async () => {
    const commandLine = shell("echo out; until [ -e ../go ]; do sleep 0.1; done; echo $AZ_BATCH_TASK_ID; exit 3");
    await client.task.add("job", { id: "shown", commandLine, containerSettings });
    const shown = await until(
      () => client.task.get("job", "shown"),
      ({ executionInfo }) => executionInfo?.containerInfo !== undefined,
    );
    expect(shown.executionInfo?.containerInfo).toMatchObject({ state: "running" });
    await run({ id: "go", commandLine: shell("touch ../../shown/go"), containerSettings });
    const { executionInfo } = await until(
      () => client.task.get("job", "shown"),
      ({ state }) => state === "completed",
    );
    expect(executionInfo).toMatchObject({
      exitCode: 3,
      failureInfo: { code: "FailureExitCode" },
      containerInfo: { ...shown.executionInfo?.containerInfo, state: "exited" },
    });
    expect(await output("shown")).toBe("out\nshown\n");
  });

  test("a task without container settings fails there, with the documented code", async () => {
    expect((await run({ id: "without", commandLine: "true" })).executionInfo).toMatchObject({
      result: "failure",
      failureInfo: { category: "UserError", code: "ContainerTaskSettingsNotFound" },
    });
  });

  test.each([
    [
      "an image that does not exist",
      { imageName: "kyanite/none:1", containerRunOptions: "--pull never" },
      "ContainerInvalidImage",
    ],
    ["a name that is none", { imageName: "No Image" }, "ContainerInvalidImage"],
    ["options that nobody knows", { ...containerSettings, containerRunOptions: "--dance" }, "ContainerInvalidSettings"],
    [
      "options that the runtime refuses",
      { ...containerSettings, containerRunOptions: "--memory 1" },
      "ContainerInvalidSettings",
    ],
  ])("%s fails the task before it runs", async (what, settings, code) => {
    const { executionInfo } = await run({
      id: what.replaceAll(" ", "-"),
      commandLine: "true",
      containerSettings: settings,
      constraints: { maxTaskRetryCount: 3 },
    });
    expect(executionInfo).toMatchObject({ result: "failure", retryCount: 0, failureInfo: { code } });
    expect(executionInfo?.exitCode).toBeUndefined();
  });

  test("preparation and release tasks run in containers as well", async () => {
    const own = { commandLine: shell("echo $AZ_BATCH_TASK_ID"), containerSettings };
    await client.job.add({
      id: "prepared",
      poolInfo: { poolId: "pool" },
      jobPreparationTask: own,
      jobReleaseTask: own,
    });
    await run({ id: "t", commandLine: shell("cat $AZ_BATCH_JOB_PREP_DIR/stdout.txt"), containerSettings }, "prepared");
    expect(await output("t", "prepared")).toBe("jobpreparation\n");
    await client.job.terminate("prepared");
    const [status] = await until(
      async () => [...(await client.job.listPreparationAndReleaseTaskStatus("prepared"))],
      ([first]) => first?.jobReleaseTaskExecutionInfo?.state === "completed",
      60,
    );
    for (const info of [status?.jobPreparationTaskExecutionInfo, status?.jobReleaseTaskExecutionInfo])
      expect(info).toMatchObject({ result: "success", containerInfo: { state: "exited" } });
  });

  test("a task as Nextflow writes it finds its scripts, and leaves its nine files", async () => {
    const blobs = await storageContainer(service, "work");
    const script =
      "#!/bin/sh\necho hello > result.txt\nfor n in out err log trace begin exitcode; do echo $n > .command.$n; done\n";
    await blobs.upload("ab/command.run", script);
    const files = [
      ".command.out",
      ".command.err",
      ".command.log",
      ".command.trace",
      ".command.begin",
      ".command.exitcode",
      ".exitcode",
      "result.txt",
      "missing.txt",
    ];
    const { executionInfo } = await run({
      id: "nf-1234",
      commandLine: `sh -c "sh .command.run 2>&1 | tee .command.log; echo 0 > .exitcode"`,
      userIdentity: { autoUser: { scope: "pool", elevationLevel: "admin" } },
      containerSettings: {
        imageName: testImage,
        containerRunOptions:
          "-v /etc/ssl/certs:/etc/ssl/certs:ro -v /etc/pki:/etc/pki:ro --cpu-shares 1024 --memory 256m --rm",
      },
      requiredSlots: 2,
      resourceFiles: [{ httpUrl: blobs.urlOf("ab/command.run"), filePath: ".command.run" }],
      outputFiles: files.map((filePattern) => ({
        filePattern,
        destination: { container: { containerUrl: blobs.url, path: `ab/${filePattern}` } },
        uploadOptions: { uploadCondition: "taskcompletion" },
      })),
    });
    expect(executionInfo).toMatchObject({ result: "success", exitCode: 0 });
    const names: string[] = [];
    for await (const { name } of blobs.container.listBlobsFlat()) names.push(name);
    expect(names.sort()).toEqual([...files.slice(0, -1).map((name) => `ab/${name}`), "ab/command.run"].sort());
  });

  test("one that fails is tried again, and what root has closed in it is uploaded", async () => {
    const blobs = await storageContainer(service, "closed");
    const { executionInfo } = await run({
      id: "closed",
      commandLine: shell("umask 077; ls tried && exit 0; mkdir -p own; echo x > own/file; touch tried; exit 3"),
      containerSettings: { imageName: testImage, containerRunOptions: "--user 0" },
      constraints: { maxTaskRetryCount: 1 },
      outputFiles: [
        {
          filePattern: "own/*",
          destination: { container: { containerUrl: blobs.url } },
          uploadOptions: { uploadCondition: "tasksuccess" },
        },
      ],
    });
    expect(executionInfo).toMatchObject({ result: "success", exitCode: 0, retryCount: 1 });
    const names: string[] = [];
    for await (const { name } of blobs.container.listBlobsFlat()) names.push(name);
    expect(names).toEqual([expect.stringMatching(/file$/)]);
  });

  test("a task that is terminated ends with its container", async () => {
    await client.task.add("job", { id: "long", commandLine: shell("sleep 600"), containerSettings });
    await until(
      () => client.task.get("job", "long"),
      ({ executionInfo }) => executionInfo?.containerInfo !== undefined,
    );
    await client.task.terminate("job", "long");
    const { executionInfo } = await client.task.get("job", "long");
    expect(executionInfo).toMatchObject({ failureInfo: { code: "TaskEnded" }, containerInfo: { state: "exited" } });
    await until(
      async () => runtime.run("ps", "-aq"),
      (left) => left === "",
      30,
    );
  });
});

describe("a container pool on a machine without a runtime", () => {
  test("has nodes that are unusable, and say what is missing and how to get it", async () => {
    await using service = await runningService({ agentEnvironment: { KYANITE_AGENT_CONTAINER_RUNTIME: "/nowhere" } });
    const client = batchClient(service);
    await client.pool.add(aPool("pool", ofContainers()));
    const node = await nodeOf(client, "pool", "unusable");
    expect(node?.errors).toMatchObject([{ code: "ContainerMiscError" }]);
    expect(JSON.stringify(node?.errors)).toMatch(/neither Docker nor Podman.*podman of Debian/);
  });
});
