import { text } from "node:stream/consumers";
import type { BatchServiceClient } from "@azure/batch";
import {
  aPool,
  batchClient,
  type RunningService,
  runningService,
  steadyPool,
  storageContainer,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

/** Sends to a container's task `sh -c` with a script. */
const sh = (script: string) => `/bin/sh -c '${script}'`;

const completed = (jobId: string, taskId: string) =>
  until(
    () => client.task.get(jobId, taskId),
    ({ state }) => state === "completed",
  );

const stream = async (jobId: string, taskId: string, path: string, options = {}) => {
  const { readableStreamBody } = await client.file.getFromTask(jobId, taskId, path, options);
  if (!readableStreamBody) throw new Error("no body");
  return text(readableStreamBody);
};

describe("the basic workflow", () => {
  beforeAll(async () => {
    await client.pool.add(
      aPool("pool", {
        targetDedicatedNodes: 3,
        startTask: { commandLine: sh("echo up > $AZ_BATCH_NODE_SHARED_DIR/up"), waitForSuccess: true },
      }),
    );
    await client.job.add({
      id: "job",
      poolInfo: { poolId: "pool" },
      usesTaskDependencies: true,
      commonEnvironmentSettings: [{ name: "GREETING", value: "hello" }],
    });
  });

  test("a pool of three nodes becomes idle, its start task having run", async () => {
    const nodes = await until(
      () => client.computeNode.list("pool"),
      (all) => all.length === 3 && all.every(({ state }) => state === "idle"),
    );
    expect(nodes.map((node) => node.startTaskInfo?.result)).toEqual(["success", "success", "success"]);
    const pool = await steadyPool(client, "pool");
    expect(pool).toMatchObject({
      currentDedicatedNodes: 3,
      targetDedicatedNodes: 3,
      vmSize: "standard_d2s_v3",
      taskSlotsPerNode: 1,
    });
  });

  test("a task stages its input, runs, and stages its output", async () => {
    const container = await storageContainer(service, "stage");
    await container.upload("in/words.txt", "one two three");
    await client.task.add("job", {
      id: "stage",
      commandLine: sh("wc -w < words.txt > count.txt; echo $GREETING $NAME; echo oops >&2"),
      environmentSettings: [{ name: "NAME", value: "world" }],
      resourceFiles: [{ httpUrl: container.urlOf("in/words.txt"), filePath: "words.txt" }],
      outputFiles: [
        {
          filePattern: "*.txt",
          destination: { container: { containerUrl: container.url, path: "out" } },
          uploadOptions: { uploadCondition: "tasksuccess" },
        },
        {
          filePattern: "../std*.txt",
          destination: { container: { containerUrl: container.url, path: "logs" } },
          uploadOptions: { uploadCondition: "taskcompletion" },
        },
      ],
    });
    const task = await completed("job", "stage");
    expect(task.executionInfo).toMatchObject({ exitCode: 0, result: "success", retryCount: 0, requeueCount: 0 });
    expect(task.nodeInfo?.taskRootDirectory).toBe("workitems/job/job-1/stage");
    expect(await container.text("out/count.txt")).toMatch(/^\s*3\n$/);
    expect(await container.text("logs/stdout.txt")).toBe("hello world\n");
    expect(await stream("job", "stage", "stdout.txt")).toBe("hello world\n");
    expect(await stream("job", "stage", "stderr.txt")).toBe("oops\n");
    expect(await stream("job", "stage", "wd/words.txt", { fileGetFromTaskOptions: { ocpRange: "bytes=4-6" } })).toBe(
      "two",
    );
    const files = await client.file.listFromTask("job", "stage", { recursive: true });
    expect(files.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["stdout.txt", "stderr.txt", "wd", "wd/words.txt", "wd/count.txt"]),
    );
  });

  test("the output of a running task can be read", async () => {
    await client.task.add("job", { id: "long", commandLine: sh("echo begun; sleep 60") });
    await until(
      () => stream("job", "long", "stdout.txt").catch(() => ""),
      (output) => output === "begun\n",
    );
    expect((await client.task.get("job", "long")).state).toBe("running");
    await client.task.terminate("job", "long");
    expect((await client.task.get("job", "long")).executionInfo).toMatchObject({
      result: "failure",
      failureInfo: { code: "TaskEnded" },
    });
  });

  test("a task runs after those it depends on, whichever were added first", async () => {
    await client.task.add("job", {
      id: "last",
      commandLine: sh("date +%s%N"),
      dependsOn: { taskIds: ["first"], taskIdRanges: [{ start: 1, end: 3 }] },
    });
    await client.task.addCollection("job", [
      ...["1", "2", "3"].map((id) => ({ id, commandLine: sh("date +%s%N") })),
      { id: "first", commandLine: sh("sleep 0.2; date +%s%N") },
    ]);
    await completed("job", "last");
    const [last, ...others] = await Promise.all(
      ["last", "first", "1", "2", "3"].map(async (id) => BigInt(await stream("job", id, "stdout.txt"))),
    );
    for (const other of others) expect(last).toBeGreaterThan(other);
  });

  test("a task that fails is tried again as often as it may, and its job counts it", async () => {
    await client.task.add("job", { id: "failing", commandLine: sh("exit 7"), constraints: { maxTaskRetryCount: 2 } });
    const { executionInfo } = await completed("job", "failing");
    expect(executionInfo).toMatchObject({
      exitCode: 7,
      retryCount: 2,
      result: "failure",
      failureInfo: { category: "UserError", code: "FailureExitCode" },
    });
  });

  test("a wall clock that runs out ends the task and everything it started", async () => {
    await client.task.add("job", {
      id: "slow",
      commandLine: sh("sleep 600 & sleep 600"),
      constraints: { maxWallClockTime: "PT1S" },
    });
    expect((await completed("job", "slow")).executionInfo).toMatchObject({
      result: "failure",
      failureInfo: { code: "TaskEnded" },
    });
  });

  test("a hundred tasks are added at once, and the counts are exact", async () => {
    await client.job.add({ id: "hundred", poolInfo: { poolId: "pool" } });
    const { value } = await client.task.addCollection(
      "hundred",
      [...Array(100).keys()].map((n) => ({ id: `t${n}`, commandLine: "true" })),
    );
    expect(value?.every(({ status }) => status?.toLowerCase() === "success")).toBe(true);
    const counts = await until(
      () => client.job.getTaskCounts("hundred"),
      ({ taskCounts }) => taskCounts.completed === 100,
    );
    expect(counts.taskCounts).toEqual({ active: 0, running: 0, completed: 100, succeeded: 100, failed: 0 });
  });
});

describe("what goes wrong with a run", () => {
  const failureOf = async (task: { id: string; commandLine: string }) => {
    await client.task.add("job", task);
    return (await completed("job", task.id)).executionInfo?.failureInfo;
  };

  test("a command that does not exist is named as the failure", async () => {
    expect(await failureOf({ id: "nowhere", commandLine: "no-such-program" })).toMatchObject({
      category: "UserError",
      code: "CommandProgramNotFound",
    });
  });

  test("a resource file that is missing fails the task, and the node goes on", async () => {
    const container = await storageContainer(service, "missing");
    const resourceFiles = [{ httpUrl: container.urlOf("nothing"), filePath: "x" }];
    expect(await failureOf({ id: "missing-file", commandLine: "true", ...{ resourceFiles } })).toMatchObject({
      code: "BlobNotFound",
    });
  });

  test("an output container without access fails the task and keeps its exit code", async () => {
    const container = await storageContainer(service, "closed");
    const outputFiles = [
      {
        filePattern: "../stdout.txt",
        destination: { container: { containerUrl: container.url.replace(/sig=[^&]+/, "sig=AAAA") } },
        uploadOptions: { uploadCondition: "taskcompletion" as const },
      },
    ];
    await client.task.add("job", { id: "closed", commandLine: "true", outputFiles });
    const { executionInfo } = await completed("job", "closed");
    expect(executionInfo).toMatchObject({
      exitCode: 0,
      result: "failure",
      failureInfo: { code: "FileUploadAccessDenied" },
    });
  });
});
