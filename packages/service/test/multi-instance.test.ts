import { text } from "node:stream/consumers";
import type { BatchServiceClient, BatchServiceModels } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, storageContainer, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
  await client.pool.add(aPool("gangs", { targetDedicatedNodes: 3, enableInterNodeCommunication: true }));
  await client.job.add({ id: "job", poolInfo: { poolId: "gangs" } });
  await until(
    () => client.computeNode.list("gangs"),
    (nodes) => nodes.length === 3 && nodes.every(({ state }) => state === "idle"),
  );
});
afterAll(() => service[Symbol.asyncDispose]());

const sh = (script: string) => `/bin/sh -c '${script}'`;

const aGang = (
  id: string,
  more: Partial<BatchServiceModels.TaskAddParameter> & { coordination?: string; instances?: number },
) => {
  const { coordination = "true", instances = 3, ...task } = more;
  return {
    id,
    commandLine: "true",
    multiInstanceSettings: { numberOfInstances: instances, coordinationCommandLine: coordination },
    ...task,
  };
};

const completed = (taskId: string, jobId = "job") =>
  until(
    () => client.task.get(jobId, taskId),
    ({ state }) => state === "completed",
    60,
  );
const running = (taskId: string, jobId = "job") =>
  until(
    () => client.task.get(jobId, taskId),
    ({ state }) => state === "running",
    60,
  );
const subtasks = async (taskId: string, jobId = "job") => (await client.task.listSubtasks(jobId, taskId)).value ?? [];

const stream = async (taskId: string, path: string) => {
  const { readableStreamBody } = await client.file.getFromTask("job", taskId, path);
  if (!readableStreamBody) throw new Error("no body");
  return text(readableStreamBody);
};
const nodeStream = async (node: BatchServiceModels.ComputeNodeInformation | undefined, path: string) => {
  const { readableStreamBody } = await client.file.getFromComputeNode(
    "gangs",
    node?.nodeId ?? "",
    `${node?.taskRootDirectory}/${path}`,
  );
  if (!readableStreamBody) throw new Error("no body");
  return text(readableStreamBody);
};

const nodesAreIdle = () =>
  until(
    () => client.computeNode.list("gangs"),
    (nodes) => nodes.every(({ state, runningTasksCount }) => state === "idle" && runningTasksCount === 0),
    60,
  );

describe("a multi-instance task", () => {
  test("coordinates on every node with the common files, then runs its command on the primary", async () => {
    const container = await storageContainer(service, "common");
    await container.upload("common.txt", "for all");
    await container.upload("own.txt", "for the primary");
    await client.task.add("job", {
      ...aGang("whole", {}),
      commandLine: sh("cat own.txt; ls; cat $AZ_BATCH_TASK_SHARED_DIR/common.txt; echo; env | sort"),
      resourceFiles: [{ httpUrl: container.urlOf("own.txt"), filePath: "own.txt" }],
      multiInstanceSettings: {
        numberOfInstances: 3,
        coordinationCommandLine: sh("cat $AZ_BATCH_TASK_SHARED_DIR/common.txt; echo; env | sort; touch coordinated"),
        commonResourceFiles: [{ httpUrl: container.urlOf("common.txt"), filePath: "common.txt" }],
      },
    });
    const task = await completed("whole");
    expect(task.executionInfo).toMatchObject({ exitCode: 0, result: "success", retryCount: 0 });
    const output = await stream("whole", "stdout.txt");
    expect(output).toMatch(/^for the primarycoordinated\nown.txt\nfor all\n/);
    expect(output).toContain("AZ_BATCH_IS_CURRENT_NODE_MASTER=true");
    const [address] = /(?<=AZ_BATCH_HOST_LIST=)[^,]+/.exec(output) ?? [];
    expect(output).toContain(`AZ_BATCH_HOST_LIST=${address},${address},${address}\n`);
    expect(output).toContain(`AZ_BATCH_NODE_LIST=${address};${address};${address}\n`);
    expect(output).toContain(`AZ_BATCH_MASTER_NODE=${address}:6000\n`);
    expect(output).toContain(`CCP_NODES=3 ${address} 2 ${address} 2 ${address} 2\n`);
    expect(await stream("whole", "coordination-stdout.txt")).toMatch(/^for all\n/);

    const others = await subtasks("whole");
    expect(others.map(({ id }) => id)).toEqual([1, 2]);
    expect(new Set([task, ...others].map(({ nodeInfo }) => nodeInfo?.nodeId)).size).toBe(3);
    for (const subtask of others) {
      expect(subtask).toMatchObject({ state: "completed", result: "success", exitCode: 0, previousState: "running" });
      const coordination = await nodeStream(subtask.nodeInfo, "stdout.txt");
      expect(coordination).toMatch(/^for all\n/);
      expect(coordination).toContain("AZ_BATCH_IS_CURRENT_NODE_MASTER=false");
      expect(coordination).toContain(`AZ_BATCH_HOST_LIST=${address},${address},${address}\n`);
      expect(coordination).toContain("AZ_BATCH_TASK_ID=whole\n");
      await expect(nodeStream(subtask.nodeInfo, "wd/own.txt")).rejects.toMatchObject({ statusCode: 404 });
    }
    await nodesAreIdle();
  });

  test("of one instance has a coordination command and no subtasks", async () => {
    await client.task.add("job", {
      ...aGang("alone", { commandLine: sh("cat coordinated") }),
      multiInstanceSettings: { coordinationCommandLine: sh("echo yes > coordinated") },
    });
    expect(await completed("alone")).toMatchObject({
      executionInfo: { result: "success" },
      multiInstanceSettings: { numberOfInstances: 1 },
    });
    expect(await stream("alone", "stdout.txt")).toBe("yes\n");
    expect(await subtasks("alone")).toEqual([]);
  });

  test("fails as a whole with the exit code of a coordination command, after its retries", async () => {
    await client.task.add("job", {
      ...aGang("one-fails", {
        coordination: sh("if [ $AZ_BATCH_IS_CURRENT_NODE_MASTER = false ]; then exit 5; fi"),
        commandLine: sh("echo never"),
      }),
      constraints: { maxTaskRetryCount: 1 },
    });
    const task = await completed("one-fails");
    expect(task.executionInfo).toMatchObject({
      exitCode: 5,
      result: "failure",
      retryCount: 1,
      failureInfo: { category: "UserError", code: "FailureExitCode" },
    });
    expect(task.executionInfo?.failureInfo?.details?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["SubtaskId", "NodeId"]),
    );
    const failed = (await subtasks("one-fails")).filter(({ exitCode }) => exitCode === 5);
    expect(failed[0]).toMatchObject({ result: "failure", failureInfo: { code: "FailureExitCode" } });
    await nodesAreIdle();
  });

  test("fails when a common file is missing", async () => {
    const container = await storageContainer(service, "nothing");
    await client.task.add("job", {
      ...aGang("no-file", {}),
      multiInstanceSettings: {
        numberOfInstances: 3,
        coordinationCommandLine: "true",
        commonResourceFiles: [{ httpUrl: container.urlOf("nothing"), filePath: "nothing" }],
      },
    });
    expect((await completed("no-file")).executionInfo).toMatchObject({
      result: "failure",
      failureInfo: { code: "BlobNotFound" },
    });
    await nodesAreIdle();
  });

  test("tries again on all its nodes when its command fails", async () => {
    await client.task.add("job", {
      ...aGang("again", { coordination: sh("echo x >> runs"), commandLine: sh("exit $((2 - $(wc -l < runs)))") }),
      constraints: { maxTaskRetryCount: 3 },
    });
    const task = await completed("again");
    expect(task.executionInfo).toMatchObject({ exitCode: 0, retryCount: 1 });
    for (const { nodeInfo } of await subtasks("again")) expect(await nodeStream(nodeInfo, "wd/runs")).toBe("x\nx\n");
    await nodesAreIdle();
  });

  test("takes its nodes for itself, and frees them when it is terminated or deleted", async () => {
    for (const end of ["terminate", "delete"] as const) {
      await client.task.add("job", aGang(`long-${end}`, { commandLine: "sleep 300", instances: 2 }));
      await running(`long-${end}`);
      const [subtask] = await subtasks(`long-${end}`);
      expect(subtask).toMatchObject({ state: "running" });
      const states = (await client.computeNode.list("gangs")).map(({ state }) => state);
      expect(states.filter((state) => state === "running")).toHaveLength(2);
      if (end === "terminate") await client.task.terminate("job", "long-terminate");
      else await client.task.deleteMethod("job", "long-delete");
      await nodesAreIdle();
      if (end === "terminate") expect((await subtasks("long-terminate"))[0]).toMatchObject({ state: "completed" });
    }
  });

  test("whose wall clock runs out ends everywhere", async () => {
    await client.task.add("job", {
      ...aGang("slow", { coordination: sh("sleep 300 & true"), commandLine: "sleep 300" }),
      constraints: { maxWallClockTime: "PT1S" },
    });
    expect((await completed("slow")).executionInfo).toMatchObject({ failureInfo: { code: "TaskEnded" } });
    await nodesAreIdle();
  });

  test("counts as one task", async () => {
    const before = await client.job.getTaskCounts("job");
    await client.task.add("job", aGang("counted", {}));
    await completed("counted");
    const after = await client.job.getTaskCounts("job");
    expect(after.taskCounts.succeeded).toBe(before.taskCounts.succeeded + 1);
    expect(after.taskSlotCounts.succeeded).toBe(before.taskSlotCounts.succeeded + 1);
  });

  test("that asks for more slots, or has an empty coordination command, is refused", async () => {
    await expect(client.task.add("job", aGang("bad", { requiredSlots: 2 }))).rejects.toMatchObject({
      code: "InvalidPropertyValue",
    });
    await expect(client.task.add("job", aGang("bad", { coordination: " " }))).rejects.toMatchObject({
      code: "InvalidPropertyValue",
    });
  });
});

describe("where a multi-instance task cannot run", () => {
  test("it stays active for ever and holds up nobody", async () => {
    await client.task.add("job", aGang("too-large", { instances: 4 }));
    await client.pool.add(aPool("single", { targetDedicatedNodes: 1 }));
    await client.job.add({ id: "single", poolInfo: { poolId: "single" } });
    await client.task.add("single", aGang("not-here", { instances: 1 }));
    await client.task.addCollection(
      "job",
      [...Array(6).keys()].map((n) => ({ id: `small-${n}`, commandLine: "true" })),
    );
    await client.task.add("single", { id: "small", commandLine: "true" });
    for (const n of Array(6).keys()) await completed(`small-${n}`);
    await completed("small", "single");
    for (const [job, task] of [
      ["job", "too-large"],
      ["single", "not-here"],
    ] as const)
      expect((await client.task.get(job, task)).state).toBe("active");
    await client.task.deleteMethod("job", "too-large");
  });
});

describe("multi-instance tasks beside others", () => {
  test("gangs that together want more nodes than there are run one after the other", async () => {
    const ids = ["g1", "g2", "g3", "g4"];
    await client.task.addCollection(
      "job",
      ids.map((id) => aGang(id, { instances: 2, commandLine: "sleep 0.1" })),
    );
    for (const id of ids) expect((await completed(id)).executionInfo).toMatchObject({ result: "success" });
  });

  test("a stream of small tasks of another job does not keep a gang waiting", async () => {
    await client.job.add({ id: "stream", poolInfo: { poolId: "gangs" } });
    const small = [...Array(60).keys()].map((n) => ({ id: `s${n}`, commandLine: "sleep 0.3" }));
    await client.task.addCollection("stream", small);
    await running("s0", "stream");
    await client.task.add("job", aGang("patient", {}));
    await completed("patient");
    const { taskCounts } = await client.job.getTaskCounts("stream");
    expect(taskCounts.active).toBeGreaterThan(0);
    await client.job.deleteMethod("stream");
  });
});
