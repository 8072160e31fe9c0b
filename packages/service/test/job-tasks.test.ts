import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, send, steadyPool, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;
/** Where tasks of all nodes leave traces: a share, as nodes do not see the rest of the machine's directories. */
let traces: string;
const share = "$AZ_BATCH_NODE_MOUNTS_DIR/traces";
const mountConfiguration = [{ nfsMountConfiguration: { source: "files:/traces", relativeMountPath: "traces" } }];

beforeAll(async () => {
  traces = await mkdtemp(join(tmpdir(), "kyanite-traces-"));
  await chmod(traces, 0o777);
  service = await runningService({ settings: { mountSources: `files:/traces=${traces}` } });
  client = batchClient(service);
  await client.pool.add(aPool("pool", { mountConfiguration, targetDedicatedNodes: 2, taskSlotsPerNode: 2 }));
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
const leaves = (name: string, line: string) => sh(`echo ${line} >> ${share}/${name}`);
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
      jobPreparationTask: { commandLine: sh(`echo data > data; echo $COMMON $AZ_BATCH_TASK_ID >> ${share}/prep`) },
      jobReleaseTask: {
        id: "cleanup",
        commandLine: sh(`echo $AZ_BATCH_TASK_ID $(cat $AZ_BATCH_JOB_PREP_WORKING_DIR/data) >> ${share}/release`),
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
    const { stats } = await client.job.get("prepared", { jobGetOptions: { expand: "stats" } });
    expect(stats).toMatchObject({ numSucceededTasks: 5, numFailedTasks: 0, numTaskRetries: 0 });
    // Five times 0.3 s and a little more.
    expect(stats?.wallClockTime).toMatch(/^PT(1\.[5-9]|[2-9]|\d{2})/);

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
    const lifetime = await client.job.getAllLifetimeStatistics();
    expect(lifetime.numSucceededTasks).toBe(5);
    const nodes = await readdir(service.nodesDirectory);
    const directories = nodes.map((node) => join(service.nodesDirectory, node, "root/workitems/prepared/job-1"));
    expect(nodes.length).toBeGreaterThanOrEqual(2);
    await until(
      async () => directories.filter((directory) => existsSync(directory)),
      (left) => left.length === 0,
    );
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
      jobPreparationTask: { commandLine: sh(`! mkdir ${share}/first`) },
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
      jobReleaseTask: { commandLine: sh(`sleep 1.5; echo done >> ${share}/$AZ_BATCH_JOB_ID`) },
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

  test("force ends and deletes a job without waiting for release tasks, which are ended", async () => {
    for (const id of ["forced", "forced-away"]) {
      await client.job.add({
        id,
        poolInfo,
        jobPreparationTask: { commandLine: "true" },
        jobReleaseTask: { commandLine: "sleep 600" },
      });
      await client.task.add(id, { id: "t", commandLine: "true" });
      await completed(id, "t");
    }
    const releasing = (id: string) =>
      until(
        () => client.job.listPreparationAndReleaseTaskStatus(id),
        ([node]) => node?.jobReleaseTaskExecutionInfo?.state === "running",
      );
    await client.job.terminate("forced");
    await releasing("forced");
    expect((await send(client, "POST", "/jobs/forced/terminate")).code).toBe("JobBeingTerminated");
    expect((await send(client, "POST", "/jobs/forced/terminate?force=true")).status).toBe(202);
    expect((await ended("forced")).executionInfo?.terminateReason).toBe("UserTerminate");
    const [status] = await client.job.listPreparationAndReleaseTaskStatus("forced");
    expect(status?.jobReleaseTaskExecutionInfo).toMatchObject({ state: "completed", result: "failure" });

    await client.job.deleteMethod("forced-away");
    await releasing("forced-away");
    expect((await send(client, "DELETE", "/jobs/forced-away")).code).toBe("JobBeingDeleted");
    expect((await send(client, "DELETE", "/jobs/forced-away?force=true")).status).toBe(202);
    await until(
      () => client.job.list(),
      (jobs) => !jobs.some(({ id }) => id === "forced-away"),
    );
  });

  test("runs again after a reboot, unless the job has had enough of it; a release interrupted by one begins again", async () => {
    await client.pool.add(aPool("one", { mountConfiguration, targetDedicatedNodes: 1, taskSlotsPerNode: 2 }));
    const idle = () =>
      until(
        () => client.computeNode.list("one"),
        ([node]) => node?.state === "idle",
      );
    const [node] = await idle();
    for (const rerunOnNodeRebootAfterSuccess of [true, false]) {
      const id = `rerun-${rerunOnNodeRebootAfterSuccess}`;
      await client.job.add({
        id,
        poolInfo: { poolId: "one" },
        jobPreparationTask: { commandLine: leaves(id, "prepared"), rerunOnNodeRebootAfterSuccess },
        jobReleaseTask: { commandLine: sh(`echo released >> ${share}/${id}; mkdir ${share}/${id}-once && sleep 60`) },
      });
      await client.task.add(id, { id: "before", commandLine: "true" });
      await completed(id, "before");
    }
    await client.computeNode.reboot("one", node?.id ?? "");
    for (const id of ["rerun-true", "rerun-false"]) {
      await client.task.add(id, { id: "after", commandLine: "true" });
      await completed(id, "after");
    }
    expect(await trace("rerun-true")).toEqual(["prepared", "prepared"]);
    expect(await trace("rerun-false")).toEqual(["prepared"]);

    await client.job.terminate("rerun-false");
    await until(
      () => trace("rerun-false"),
      (lines) => lines.includes("released"),
    );
    await client.computeNode.reboot("one", node?.id ?? "");
    await ended("rerun-false");
    expect(await trace("rerun-false")).toEqual(["prepared", "released", "released"]);
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
      "JobPreparationTaskOrReleaseTaskNotSpecified",
    );
  });
});

describe("a job manager task", () => {
  /** Answers of the service to a task that calls it with its token. */
  const caller = `
    const { AZ_BATCH_ACCOUNT_URL: url, AZ_BATCH_AUTHENTICATION_TOKEN: token, AZ_BATCH_JOB_ID: job } = process.env;
    const call = async (method, path, body) => {
      const headers = { authorization: "Bearer " + token, "content-type": "application/json; odata=minimalmetadata" };
      const response = await fetch(url + path + "?api-version=2022-10-01.16.0", {
        method, headers, ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return { status: response.status, ...JSON.parse((await response.text()) || "{}") };
    };
    const seen = [
      (await call("POST", "/jobs/" + job + "/tasks", { id: "child", commandLine: "true" })).status,
      (await call("GET", "/pools/pool")).code,
      (await call("GET", "/jobs/manager-other")).code,
      (await call("GET", "/jobs")).code,
    ];
    while ((await call("GET", "/jobs/" + job + "/tasks/child")).state !== "completed")
      await new Promise((done) => setTimeout(done, 50));
    console.log(JSON.stringify({ seen, token }));
  `;

  test("runs first, drives its job with a token for that job only, and its end is the job's", async () => {
    await writeFile(join(traces, "caller.mjs"), caller);
    await client.job.add({ id: "manager-other", poolInfo });
    await client.job.add({
      id: "managed",
      poolInfo,
      constraints: { maxTaskRetryCount: 3 },
      jobManagerTask: {
        id: "Manager",
        commandLine: sh(`exec ${process.execPath} ${share}/caller.mjs`),
        authenticationTokenSettings: { access: ["job"] },
      },
    });
    const { jobManagerTask } = await client.job.get("managed");
    expect(jobManagerTask).toMatchObject({
      killJobOnCompletion: true,
      runExclusive: true,
      allowLowPriorityNode: true,
      requiredSlots: 1,
      constraints: { maxTaskRetryCount: 3 },
    });
    const job = await ended("managed");
    expect(job.executionInfo?.terminateReason).toBe("JMComplete");
    expect((await client.task.list("managed")).map(({ id, state }) => [id, state])).toEqual([
      ["child", "completed"],
      ["Manager", "completed"],
    ]);
    const { seen, token } = JSON.parse(await stdout("managed", "Manager"));
    expect(seen).toEqual([
      201,
      "InsufficientAccountPermissions",
      "InsufficientAccountPermissions",
      "InsufficientAccountPermissions",
    ]);
    const late = await fetch(`${service.url}/jobs/managed?api-version=2022-10-01.16.0`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(late.status).toBe(403);
  });

  test("has its node to itself while it runs, unless it shares", async () => {
    for (const runExclusive of [true, false]) {
      const id = `exclusive-${runExclusive}`;
      await client.job.add({
        id,
        poolInfo,
        jobManagerTask: { id: "m", commandLine: sh(`until [ -e ${share}/${id} ]; do sleep 0.05; done`), runExclusive },
      });
      const manager = await until(
        () => client.task.get(id, "m"),
        ({ state }) => state === "running",
      );
      await client.task.addCollection(
        id,
        ["a", "b", "c"].map((name) => ({
          id: name,
          commandLine: "sleep 0.2",
          affinityInfo: { affinityId: manager.nodeInfo?.affinityId ?? "" },
        })),
      );
      const others = await Promise.all(["a", "b", "c"].map((name) => completed(id, name)));
      const withManager = others.filter(({ nodeInfo }) => nodeInfo?.nodeId === manager.nodeInfo?.nodeId);
      expect(withManager.length > 0).toBe(!runExclusive);
      expect((await client.job.getTaskCounts(id)).taskSlotCounts).toMatchObject({ running: 1, completed: 3 });
      await writeFile(join(traces, id), "");
      await ended(id);
    }
  });

  test("keeps its node when the pool shrinks, although others run more tasks", async () => {
    await client.pool.add(aPool("shrinking", { mountConfiguration, targetDedicatedNodes: 2, taskSlotsPerNode: 2 }));
    const jobManagerTask = { id: "m", commandLine: "sleep 60" };
    await client.job.add({ id: "shrinking", poolInfo: { poolId: "shrinking" }, jobManagerTask });
    await client.task.addCollection(
      "shrinking",
      ["a", "b"].map((id) => ({ id, commandLine: "sleep 60" })),
    );
    await until(
      () => client.task.list("shrinking"),
      (tasks) => tasks.every(({ state }) => state === "running"),
    );
    await steadyPool(client, "shrinking");
    await client.pool.resize("shrinking", { targetDedicatedNodes: 1, nodeDeallocationOption: "requeue" });
    const [node, ...others] = await until(
      () => client.computeNode.list("shrinking"),
      (nodes) => nodes.length === 1,
    );
    expect(others).toEqual([]);
    const manager = await client.task.get("shrinking", "m");
    expect(manager).toMatchObject({ state: "running", executionInfo: { requeueCount: 0 } });
    expect(manager.nodeInfo?.nodeId).toBe(node?.id);
    await client.pool.deleteMethod("shrinking");
    await client.job.deleteMethod("shrinking");
  });

  test("that has to start again takes the slots of a task of its priority, which is requeued", async () => {
    await client.pool.add(aPool("crowded", { mountConfiguration, targetDedicatedNodes: 2 }));
    const job = { poolInfo: { poolId: "crowded" } };
    const sleeping = { commandLine: "sleep 60" };
    const running = (jobId: string, taskId: string) =>
      until(
        () => client.task.get(jobId, taskId),
        ({ state }) => state === "running",
      );
    await client.job.add({ ...job, id: "crowd-managed", jobManagerTask: { id: "m", ...sleeping } });
    const first = await running("crowd-managed", "m");
    await client.job.add({ ...job, id: "crowd" });
    await client.task.add("crowd", { id: "t", ...sleeping });
    const other = await running("crowd", "t");
    await client.task.add("crowd", { id: "waiting", ...sleeping });
    const firstNode = first.nodeInfo?.nodeId ?? "";
    await client.computeNode.disableScheduling("crowded", firstNode, { nodeDisableSchedulingOption: "requeue" });
    const again = await until(
      () => client.task.get("crowd-managed", "m"),
      ({ state, nodeInfo }) => state === "running" && nodeInfo?.nodeId !== firstNode,
    );
    expect(again.nodeInfo?.nodeId).toBe(other.nodeInfo?.nodeId);
    await client.computeNode.enableScheduling("crowded", firstNode);
    const displaced = await running("crowd", "t");
    expect(displaced.nodeInfo?.nodeId).toBe(firstNode);
    expect(displaced.executionInfo).toMatchObject({ requeueCount: 1, retryCount: 0 });
    for (const id of ["crowd-managed", "crowd"]) await client.job.deleteMethod(id);
    await client.pool.deleteMethod("crowded");
  });

  test("that fails is tried again as the job says; the job goes on when it may", async () => {
    await client.job.add({
      id: "outlives",
      poolInfo,
      constraints: { maxTaskRetryCount: 2 },
      onAllTasksComplete: "terminatejob",
      jobManagerTask: { id: "m", commandLine: sh("exit 3"), killJobOnCompletion: false },
    });
    await client.task.add("outlives", { id: "t", commandLine: "sleep 0.5" });
    expect((await completed("outlives", "m")).executionInfo).toMatchObject({ exitCode: 3, retryCount: 2 });
    expect((await ended("outlives")).executionInfo?.terminateReason).toBe("AllTasksCompleted");
    expect((await client.task.get("outlives", "t")).executionInfo?.result).toBe("success");
  });

  test("that must not run on a low-priority node waits for a dedicated one", async () => {
    await client.pool.add(aPool("low", { mountConfiguration, targetDedicatedNodes: 0, targetLowPriorityNodes: 1 }));
    await client.job.add({
      id: "choosy",
      poolInfo: { poolId: "low" },
      jobManagerTask: { id: "m", commandLine: "true", allowLowPriorityNode: false, killJobOnCompletion: false },
    });
    await client.task.add("choosy", { id: "t", commandLine: "true" });
    await completed("choosy", "t");
    expect((await client.task.get("choosy", "m")).state).toBe("active");
    await steadyPool(client, "low");
    await client.pool.resize("low", { targetDedicatedNodes: 1, targetLowPriorityNodes: 1 });
    await completed("choosy", "m");
  });
});
