import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;
/** Where tasks of all nodes leave traces. */
let traces: string;

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
  traces = await mkdtemp(join(tmpdir(), "kyanite-traces-"));
  await chmod(traces, 0o777);
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 2, taskSlotsPerNode: 2 }));
  await until(
    () => client.computeNode.list("pool"),
    (nodes) => nodes.length === 2 && nodes.every(({ state }) => state === "idle"),
  );
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await rm(traces, { recursive: true, force: true });
});

/** Tasks of different nodes may run as different users. */
const sh = (script: string) => `/bin/sh -c 'umask 0; ${script}'`;
const poolInfo = { poolId: "pool" };

/** A command that leaves a line in the trace of this name. */
const leaves = (name: string, line: string) => sh(`echo ${line} >> ${join(traces, name)}`);
const trace = async (name: string) =>
  (await readFile(join(traces, name), "utf8").catch(() => "")).split("\n").filter(Boolean);

const completed = (jobId: string, taskId: string) =>
  until(
    () => client.task.get(jobId, taskId),
    ({ state }) => state === "completed",
  );
const ended = (jobId: string) =>
  until(
    () => client.job.get(jobId),
    ({ state }) => state === "completed",
  );
const stdout = async (jobId: string, taskId: string) => {
  const { readableStreamBody } = await client.file.getFromTask(jobId, taskId, "stdout.txt");
  return readableStreamBody ? text(readableStreamBody) : "";
};

describe("a job preparation task", () => {
  test("runs once on each node before the job's first task there, and the release task once when the job ends", async () => {
    await client.job.add({
      id: "prepared",
      poolInfo,
      commonEnvironmentSettings: [{ name: "COMMON", value: "common" }],
      jobPreparationTask: { commandLine: sh(`echo data > data; echo $COMMON $AZ_BATCH_TASK_ID >> ${traces}/prep`) },
      jobReleaseTask: {
        id: "cleanup",
        commandLine: sh(`echo $AZ_BATCH_TASK_ID $(cat $AZ_BATCH_JOB_PREP_WORKING_DIR/data) >> ${traces}/release`),
      },
    });
    expect(await client.job.listPreparationAndReleaseTaskStatus("prepared")).toHaveLength(0);
    await client.task.addCollection(
      "prepared",
      ["a", "b", "c", "d", "e"].map((id) => ({
        id,
        commandLine: sh("cat $AZ_BATCH_JOB_PREP_WORKING_DIR/data; sleep 0.3"),
      })),
    );
    for (const id of ["a", "b", "c", "d", "e"]) {
      expect((await completed("prepared", id)).executionInfo?.result).toBe("success");
      expect(await stdout("prepared", id)).toBe("data\n");
    }
    expect(await trace("prep")).toEqual(["common jobpreparation", "common jobpreparation"]);
    const status = await client.job.listPreparationAndReleaseTaskStatus("prepared");
    expect(status).toHaveLength(2);
    expect(status[0]).toMatchObject({
      poolId: "pool",
      jobPreparationTaskExecutionInfo: {
        state: "completed",
        result: "success",
        exitCode: 0,
        retryCount: 0,
        taskRootDirectory: "workitems/prepared/job-1/jobpreparation",
      },
    });
    expect(status[0]?.jobReleaseTaskExecutionInfo).toBeUndefined();
    expect((await client.job.getTaskCounts("prepared")).taskCounts.completed).toBe(5);

    await client.job.terminate("prepared");
    await ended("prepared");
    expect(await trace("release")).toEqual(["cleanup data", "cleanup data"]);
    const after = await client.job.listPreparationAndReleaseTaskStatus("prepared");
    expect(after.map((node) => node.jobReleaseTaskExecutionInfo?.result)).toEqual(["success", "success"]);
    await client.job.deleteMethod("prepared");
    await until(
      () => client.job.list(),
      (jobs) => !jobs.some(({ id }) => id === "prepared"),
    );
    expect(await trace("release")).toHaveLength(2);
  });

  test("is tried again as often as it may; meanwhile tasks are preparing", async () => {
    await client.job.add({
      id: "retried",
      poolInfo,
      jobPreparationTask: {
        commandLine: sh("n=$(cat tries 2>/dev/null || echo 0); echo $((n+1)) > tries; sleep 0.3; [ $n -ge 2 ]"),
        constraints: { maxTaskRetryCount: 2 },
      },
    });
    await client.task.add("retried", { id: "t", commandLine: "true" });
    const preparing = await until(
      () => client.task.get("retried", "t"),
      ({ state }) => state !== "active",
    );
    expect(preparing.state).toBe("preparing");
    expect(preparing.nodeInfo?.nodeId).toBeDefined();
    expect(preparing.executionInfo?.startTime).toBeUndefined();
    expect((await completed("retried", "t")).executionInfo?.result).toBe("success");
    const [status] = await client.job.listPreparationAndReleaseTaskStatus("retried");
    expect(status?.jobPreparationTaskExecutionInfo).toMatchObject({ retryCount: 2, result: "success" });
  });

  test("that fails on one node sends its tasks to another, and other jobs still run there", async () => {
    await client.job.add({
      id: "half",
      poolInfo,
      jobPreparationTask: { commandLine: sh(`! mkdir ${traces}/first`) },
    });
    const ids = ["a", "b", "c", "d", "e", "f"];
    await client.task.addCollection(
      "half",
      ids.map((id) => ({ id, commandLine: "true" })),
    );
    const tasks = await Promise.all(ids.map((id) => completed("half", id)));
    expect(tasks.map(({ executionInfo }) => executionInfo?.requeueCount)).toEqual(ids.map(() => 0));
    const status = await client.job.listPreparationAndReleaseTaskStatus("half");
    const failed = status.find((node) => node.jobPreparationTaskExecutionInfo?.result === "failure");
    expect(failed?.jobPreparationTaskExecutionInfo?.failureInfo?.code).toBe("FailureExitCode");
    expect(new Set(tasks.map(({ nodeInfo }) => nodeInfo?.nodeId))).toEqual(
      new Set(status.filter((node) => node !== failed).map(({ nodeId }) => nodeId)),
    );
    await client.job.add({ id: "other", poolInfo });
    await client.task.add("other", {
      id: "t",
      commandLine: "true",
      affinityInfo: { affinityId: `TVM:${failed?.nodeId}` },
    });
    expect((await completed("other", "t")).nodeInfo?.nodeId).toBe(failed?.nodeId);
  });

  test("that fails on every node leaves the tasks in the queue, and no node is released", async () => {
    await client.job.add({
      id: "stuck",
      poolInfo,
      jobPreparationTask: { commandLine: "no-such-program" },
      jobReleaseTask: { commandLine: leaves("stuck", "released") },
    });
    await client.task.add("stuck", { id: "t", commandLine: "true" });
    await until(
      () => client.job.listPreparationAndReleaseTaskStatus("stuck"),
      (nodes) =>
        nodes.length === 2 && nodes.every((node) => node.jobPreparationTaskExecutionInfo?.state === "completed"),
    );
    await until(
      () => client.task.get("stuck", "t"),
      ({ state }) => state === "active",
    );
    await client.job.terminate("stuck");
    await ended("stuck");
    expect((await client.task.get("stuck", "t")).state).toBe("active");
    expect(await trace("stuck")).toEqual([]);
  });

  test("whose success nobody waits for lets tasks run at once, and is released after a failure", async () => {
    await client.job.add({
      id: "hasty",
      poolInfo,
      jobPreparationTask: { commandLine: sh("sleep 1; exit 1"), waitForSuccess: false },
      jobReleaseTask: { commandLine: leaves("hasty", "released") },
    });
    await client.task.add("hasty", { id: "t", commandLine: "true" });
    expect((await completed("hasty", "t")).executionInfo?.result).toBe("success");
    await until(
      () => client.job.listPreparationAndReleaseTaskStatus("hasty"),
      ([node]) => node?.jobPreparationTaskExecutionInfo?.result === "failure",
    );
    await client.job.terminate("hasty");
    await ended("hasty");
    expect(await trace("hasty")).toEqual(["released"]);
  });

  test("a job that ends waits for its release tasks and says so; deletion waits too", async () => {
    const slow = {
      poolInfo,
      jobPreparationTask: { commandLine: "true" },
      jobReleaseTask: { commandLine: sh(`sleep 1.5; echo done >> ${traces}/$AZ_BATCH_JOB_ID`) },
    };
    for (const id of ["slow", "gone"]) {
      await client.job.add({ id, ...slow });
      await client.task.add(id, { id: "t", commandLine: "true" });
      await completed(id, "t");
    }
    await Promise.all([client.job.terminate("slow"), client.job.deleteMethod("gone")]);
    const waiting = await until(
      () => client.job.get("slow"),
      ({ executionInfo }) => executionInfo?.schedulingError !== undefined,
    );
    expect(waiting.state).toBe("terminating");
    expect(waiting.executionInfo?.schedulingError).toMatchObject({ code: "JobTerminationAwaitingNodeProcessing" });
    expect((await client.job.get("gone")).state).toBe("deleting");
    expect((await ended("slow")).executionInfo?.schedulingError).toBeUndefined();
    await until(
      () => client.job.list(),
      (jobs) => !jobs.some(({ id }) => id === "gone"),
    );
    expect([await trace("slow"), await trace("gone")]).toEqual([["done"], ["done"]]);
  });

  test("needs to be there for a release task, and keeps its id from tasks", async () => {
    const refused = (job: object) => client.job.add({ id: "refused", poolInfo, ...job }).catch(({ code }) => code);
    expect(await refused({ jobReleaseTask: { commandLine: "true" } })).toBe("InvalidPropertyValue");
    const jobPreparationTask = { id: "same", commandLine: "true" };
    expect(await refused({ jobPreparationTask, jobReleaseTask: { id: "Same", commandLine: "true" } })).toBe(
      "TaskIdSameAsJobPreparationTask",
    );
    expect(await refused({ jobPreparationTask, jobManagerTask: { id: "SAME", commandLine: "true" } })).toBe(
      "TaskIdSameAsJobPreparationTask",
    );
    expect(await client.job.listPreparationAndReleaseTaskStatus("other").catch(({ code }) => code)).toBe(
      "JobPreparationTaskNotSpecified",
    );
  });
});
