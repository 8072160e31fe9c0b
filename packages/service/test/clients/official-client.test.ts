import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, storageContainer, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;
let nodeId: string;
const called = new Set<string>();

/** Every method of the client's groups; each remembers when it is called. */
function record(groups: object): string[] {
  return Object.entries(groups).flatMap(([group, methods]) => {
    if (typeof methods !== "object" || methods === null || !("client" in methods)) return [];
    const names = Object.getOwnPropertyNames(Object.getPrototypeOf(methods)).filter((name) => name !== "constructor");
    for (const name of names) {
      const original: unknown = Reflect.get(methods, name);
      if (typeof original !== "function") continue;
      const value = (...given: unknown[]) => {
        called.add(`${group}.${name}`);
        return Reflect.apply(original, methods, given);
      };
      Object.defineProperty(methods, name, { value });
    }
    return names.map((name) => `${group}.${name}`);
  });
}

let methods: string[];

beforeAll(async () => {
  service = await runningService();
  client = batchClient(service);
  methods = record(client);
  await client.pool.add(aPool("nodes", { targetDedicatedNodes: 2 }));
  await client.pool.add(aPool("empty", { targetDedicatedNodes: 0 }));
  const nodes = await until(
    () => client.computeNode.list("nodes"),
    (all) => all.length === 2 && all.every(({ state }) => state === "idle"),
    60,
  );
  nodeId = nodes[0]?.id ?? "";
  await client.job.add({ id: "job", poolInfo: { poolId: "nodes" }, jobPreparationTask: { commandLine: "true" } });
});
afterAll(() => service[Symbol.asyncDispose]());

/** The code of the error with which a call is refused. */
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => "accepted",
    (error: unknown) => Object(Object(error).body).code ?? Object(error).code ?? String(error),
  );

describe("the official client", () => {
  test("runs tasks and reads their files", async () => {
    await client.task.add("job", { id: "a", commandLine: "/bin/sh -c 'echo hello'" });
    const added = await client.task.addCollection("job", [
      { id: "b", commandLine: "/bin/sh -c 'exit 1'" },
      { id: "c", commandLine: "true" },
    ]);
    expect(added.value?.map(({ taskId }) => taskId)).toEqual(["b", "c"]);
    const counts = await until(
      () => client.job.getTaskCounts("job"),
      ({ taskCounts }) => taskCounts.completed === 3,
      60,
    );
    expect(counts.taskCounts).toMatchObject({ succeeded: 2, failed: 1 });
    const task = await client.task.get("job", "a");
    expect(task.executionInfo).toMatchObject({ exitCode: 0, result: "success" });
    const ranOn = task.nodeInfo?.nodeId ?? "";
    expect((await client.file.getFromTask("job", "a", "stdout.txt")).contentLength).toBe(6);
    expect((await client.file.getPropertiesFromTask("job", "a", "stdout.txt")).contentLength).toBe(6);
    const files = await client.file.listFromTask("job", "a", { fileListFromTaskOptions: { maxResults: 1 } });
    expect(await client.file.listFromTaskNext(files.odatanextLink ?? "")).not.toHaveLength(0);
    const path = `${task.nodeInfo?.taskRootDirectory}/stdout.txt`;
    expect((await client.file.getFromComputeNode("nodes", ranOn, path)).contentLength).toBe(6);
    expect((await client.file.getPropertiesFromComputeNode("nodes", ranOn, path)).contentLength).toBe(6);
    const options = { fileListFromComputeNodeOptions: { maxResults: 1 } };
    const all = await client.file.listFromComputeNode("nodes", ranOn, options);
    expect(await client.file.listFromComputeNodeNext(all.odatanextLink ?? "")).not.toHaveLength(0);
    await client.file.deleteFromTask("job", "a", "stderr.txt");
    await client.file.deleteFromComputeNode("nodes", ranOn, path);
    expect(await refusal(client.file.getFromTask("job", "a", "stdout.txt"))).not.toBe("accepted");
    expect(await client.task.listSubtasks("job", "a")).toMatchObject({ value: [] });
    const page = await client.task.list("job", { taskListOptions: { maxResults: 2 } });
    expect((await client.task.listNext(page.odatanextLink ?? "")).map(({ id }) => id)).toEqual(["c"]);
    const statuses = await client.job.listPreparationAndReleaseTaskStatus("job", {
      jobListPreparationAndReleaseTaskStatusOptions: { maxResults: 1 },
    });
    expect(statuses[0]?.jobPreparationTaskExecutionInfo?.result).toBe("success");
    if (statuses.odatanextLink) await client.job.listPreparationAndReleaseTaskStatusNext(statuses.odatanextLink);
    expect(await refusal(client.task.reactivate("job", "a"))).toBe("TaskSucceeded");
  });

  test("changes jobs and tasks", async () => {
    await client.job.add({ id: "waiting", poolInfo: { poolId: "empty" } });
    await client.task.add("waiting", { id: "t", commandLine: "true" });
    await client.task.update("waiting", "t", { constraints: { maxTaskRetryCount: 4 } });
    expect((await client.task.get("waiting", "t")).constraints?.maxTaskRetryCount).toBe(4);
    await client.task.terminate("waiting", "t");
    expect((await client.task.get("waiting", "t")).state).toBe("completed");
    await client.task.deleteMethod("waiting", "t");
    await client.job.patch("waiting", { priority: 2 });
    expect((await client.job.get("waiting")).priority).toBe(2);
    await client.job.update("waiting", { poolInfo: { poolId: "empty" } });
    expect((await client.job.get("waiting")).priority).toBe(0);
    await client.job.disable("waiting", "requeue");
    await client.job.enable("waiting");
    const page = await client.job.list({ jobListOptions: { maxResults: 1 } });
    expect((await client.job.listNext(page.odatanextLink ?? "")).map(({ id }) => id)).toEqual(["waiting"]);
    await client.job.terminate("waiting", { terminateReason: "enough" });
    expect((await client.job.get("waiting")).executionInfo?.terminateReason).toBe("enough");
    await client.job.deleteMethod("waiting");
    expect((await client.job.getAllLifetimeStatistics()).numSucceededTasks).toBeGreaterThanOrEqual(2);
  });

  test("keeps job schedules", async () => {
    const jobSpecification = { poolInfo: { poolId: "empty" } };
    for (const id of ["s1", "s2"])
      await client.jobSchedule.add({ id, schedule: { recurrenceInterval: "PT1H" }, jobSpecification });
    expect((await client.jobSchedule.exists("s1")).body).toBe(true);
    await client.jobSchedule.patch("s1", { metadata: [{ name: "a", value: "b" }] });
    expect((await client.jobSchedule.get("s1")).metadata).toEqual([{ name: "a", value: "b" }]);
    await client.jobSchedule.update("s1", { schedule: {}, jobSpecification });
    const page = await client.jobSchedule.list({ jobScheduleListOptions: { maxResults: 1 } });
    expect((await client.jobSchedule.listNext(page.odatanextLink ?? "")).map(({ id }) => id)).toEqual(["s2"]);
    const [job] = await until(
      () => client.job.listFromJobSchedule("s2"),
      (jobs) => jobs.length > 0,
    );
    expect(job?.id).toBe("s2:job-1");
    await client.jobSchedule.disable("s1");
    expect((await client.jobSchedule.get("s1")).state).toBe("disabled");
    await client.jobSchedule.enable("s1");
    await client.jobSchedule.terminate("s1");
    for (const id of ["s1", "s2"]) await client.jobSchedule.deleteMethod(id);
  });

  test("uses nodes", async () => {
    expect((await client.computeNode.get("nodes", nodeId)).affinityId).toBe(`TVM:${nodeId}`);
    const page = await client.computeNode.list("nodes", { computeNodeListOptions: { maxResults: 1 } });
    expect(await client.computeNode.listNext(page.odatanextLink ?? "")).toHaveLength(1);
    await client.computeNode.addUser("nodes", nodeId, { name: "kytclient", password: "Long-Pass-1!" });
    await client.computeNode.updateUser("nodes", nodeId, "kytclient", { password: "Long-Pass-2!" });
    await client.computeNode.deleteUser("nodes", nodeId, "kytclient");
    await client.computeNode.disableScheduling("nodes", nodeId);
    expect((await client.computeNode.get("nodes", nodeId)).schedulingState).toBe("disabled");
    await client.computeNode.enableScheduling("nodes", nodeId);
    expect(["accepted", "OperationNotValidOnNode"]).toContain(
      await refusal(client.computeNode.getRemoteLoginSettings("nodes", nodeId)),
    );
    expect(await refusal(client.computeNode.getRemoteDesktop("nodes", nodeId))).not.toBe("accepted");
    const { url: containerUrl } = await storageContainer(service, "logs");
    const logs = { containerUrl, startTime: new Date(0) };
    expect(await client.computeNode.uploadBatchServiceLogs("nodes", nodeId, logs)).toHaveProperty(
      "numberOfFilesUploaded",
    );
    expect(await client.computeNodeExtension.list("nodes", nodeId)).toHaveLength(0);
    expect(await refusal(client.computeNodeExtension.get("nodes", nodeId, "none"))).toBe("ResourceNotFound");
    expect(await refusal(client.computeNode.reimage("nodes", nodeId))).toBe("OperationNotValidOnNode");
    await client.computeNode.reboot("nodes", nodeId);
  });

  test("scales pools and reads the account", async () => {
    expect((await client.pool.exists("empty")).body).toBe(true);
    await client.pool.patch("empty", { metadata: [{ name: "a", value: "b" }] });
    const nothing = { certificateReferences: [], applicationPackageReferences: [], metadata: [] };
    await client.pool.updateProperties("empty", nothing);
    expect((await client.pool.get("empty")).metadata ?? []).toEqual([]);
    await until(
      () => client.pool.get("empty"),
      ({ allocationState }) => allocationState === "steady",
    );
    const formula = "$TargetDedicatedNodes=0;";
    await client.pool.enableAutoScale("empty", { autoScaleFormula: formula });
    expect((await client.pool.evaluateAutoScale("empty", formula)).results).toContain("$TargetDedicatedNodes=0");
    await client.pool.disableAutoScale("empty");
    expect((await client.pool.get("empty")).enableAutoScale).toBe(false);
    await client.pool.resize("nodes", { targetDedicatedNodes: 3 });
    await client.pool.stopResize("nodes");
    await until(
      () => client.pool.get("nodes"),
      ({ allocationState }) => allocationState === "steady",
      60,
    );
    await client.pool.removeNodes("nodes", { nodeList: [nodeId] });
    const page = await client.pool.list({ poolListOptions: { maxResults: 1 } });
    expect((await client.pool.listNext(page.odatanextLink ?? "")).map(({ id }) => id)).toEqual(["nodes"]);
    expect(await client.pool.listUsageMetrics()).toBeInstanceOf(Array);
    expect(await client.pool.getAllLifetimeStatistics()).toHaveProperty("resourceStats");
    const images = await client.account.listSupportedImages({ accountListSupportedImagesOptions: { maxResults: 1 } });
    expect(await client.account.listSupportedImagesNext(images.odatanextLink ?? "")).not.toHaveLength(0);
    const counts = await client.account.listPoolNodeCounts({ accountListPoolNodeCountsOptions: { maxResults: 1 } });
    expect(await client.account.listPoolNodeCountsNext(counts.odatanextLink ?? "")).toHaveLength(1);
    await client.pool.deleteMethod("empty");
  });

  test("has had each of its methods called, but for those named here", () => {
    const elsewhere = [
      // In test/http/certificates.
      /^certificate\./,
      // Applications are made on the management plane; its tests read them here.
      /^application\./,
      // No second page without more nodes, schedules' jobs, hours or extensions than are worth making here.
      /^job\.listPreparationAndReleaseTaskStatusNext$/,
      /^job\.listFromJobScheduleNext$/,
      /^pool\.listUsageMetricsNext$/,
      /^computeNodeExtension\.listNext$/,
    ];
    const missed = methods.filter((name) => !called.has(name) && !elsewhere.some((pattern) => pattern.test(name)));
    expect(missed).toEqual([]);
    expect(methods.length).toBeGreaterThan(80);
  });
});
