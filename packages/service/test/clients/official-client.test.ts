import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import type { BatchManagementClient } from "@azure/arm-batch";
import type { BatchServiceClient } from "@azure/batch";
import { BlockBlobClient } from "@azure/storage-blob";
import {
  aPool,
  batchClient,
  firstGroup,
  type MovableClock,
  managementClient,
  movableClock,
  type RunningService,
  runningService,
  steadyPool,
  storageContainer,
  until,
  zip,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkRow } from "./outcomes.ts";

let service: RunningService;
let client: BatchServiceClient;
let management: BatchManagementClient;
let clock: MovableClock;
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
  clock = movableClock();
  service = await runningService({ https: true, clock, settings: { nodeSilentSeconds: 3600 } });
  client = batchClient(service);
  management = await managementClient(service);
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
    expect(await refusal(client.task.reactivate("job", "a"))).toBe("TaskSucceeded");
  });

  test("reads how the preparation of a job went on each of its nodes", async () => {
    await client.job.add({ id: "both", poolInfo: { poolId: "nodes" }, jobPreparationTask: { commandLine: "true" } });
    const ids = (await client.computeNode.list("nodes")).map(({ id }) => id ?? "").sort();
    for (const [at, id] of ids.entries())
      await client.task.add("both", { id: `${at}`, commandLine: "true", affinityInfo: { affinityId: `TVM:${id}` } });
    await until(
      () => client.job.getTaskCounts("both"),
      ({ taskCounts }) => taskCounts.succeeded === 2,
      60,
    );
    const first = await client.job.listPreparationAndReleaseTaskStatus("both", {
      jobListPreparationAndReleaseTaskStatusOptions: { maxResults: 1 },
    });
    const second = await client.job.listPreparationAndReleaseTaskStatusNext(first.odatanextLink ?? "");
    expect([first.length, second.length]).toEqual([1, 1]);
    const statuses = [...first, ...second];
    expect(statuses.map((status) => status.nodeId ?? "").sort()).toEqual(ids);
    expect(statuses.map((status) => status.jobPreparationTaskExecutionInfo?.result)).toEqual(["success", "success"]);
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
    const page = await client.job.list({ jobListOptions: { maxResults: 2 } });
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
    expect((await client.jobSchedule.get("s1")).state).toMatch(/^(terminating|completed)$/);
    await client.jobSchedule.deleteMethod("s1");
    await client.job.terminate("s2:job-1");
    await until(
      () => client.job.get("s2:job-1"),
      ({ state }) => state === "completed",
    );
    await client.jobSchedule.patch("s2", { schedule: { recurrenceInterval: "PT1M" } });
    clock.advance(60);
    await until(
      () => client.job.listFromJobSchedule("s2"),
      (jobs) => jobs.length > 1,
    );
    const jobs = await client.job.listFromJobSchedule("s2", { jobListFromJobScheduleOptions: { maxResults: 1 } });
    expect(jobs.map(({ id }) => id)).toEqual(["s2:job-1"]);
    expect((await client.job.listFromJobScheduleNext(jobs.odatanextLink ?? ""))[0]?.id).toBe("s2:job-2");
    await client.jobSchedule.deleteMethod("s2");
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
    // No node has extensions, so that no list of them has a second page: its own address stands in for one.
    const extensions = `${service.url}/pools/nodes/nodes/${nodeId}/extensions?api-version=${client.apiVersion}`;
    expect(await client.computeNodeExtension.listNext(extensions)).toHaveLength(0);
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
    await steadyPool(client, "empty");
    const formula = "$TargetDedicatedNodes=0;";
    await client.pool.enableAutoScale("empty", { autoScaleFormula: formula });
    expect((await client.pool.evaluateAutoScale("empty", formula)).results).toContain("$TargetDedicatedNodes=0");
    await client.pool.disableAutoScale("empty");
    expect((await client.pool.get("empty")).enableAutoScale).toBe(false);
    await client.pool.resize("nodes", { targetDedicatedNodes: 3 });
    await client.pool.stopResize("nodes");
    await steadyPool(client, "nodes", 60);
    await client.pool.removeNodes("nodes", { nodeList: [nodeId] });
    const page = await client.pool.list({ poolListOptions: { maxResults: 1 } });
    expect((await client.pool.listNext(page.odatanextLink ?? "")).map(({ id }) => id)).toEqual(["nodes"]);
    expect(await client.pool.getAllLifetimeStatistics()).toHaveProperty("resourceStats");
    const images = await client.account.listSupportedImages({ accountListSupportedImagesOptions: { maxResults: 1 } });
    expect(await client.account.listSupportedImagesNext(images.odatanextLink ?? "")).not.toHaveLength(0);
    const counts = await client.account.listPoolNodeCounts({ accountListPoolNodeCountsOptions: { maxResults: 1 } });
    expect(await client.account.listPoolNodeCountsNext(counts.odatanextLink ?? "")).toHaveLength(1);
    await client.pool.deleteMethod("empty");
  });

  test("pages through the use of pools", async () => {
    await service.database`
      insert into node_life (account_pk, pool_pk, pool_key, pool_id, vm_size, cores, is_dedicated, start_time, end_time)
      select pk, 0, 'gone', 'gone', 'standard_d4s_v3', 4, true, '2026-01-01T10:00:00Z', '2026-01-01T11:00:00Z'
      from account`;
    const period = { startTime: new Date("2026-01-01T10:00:00Z"), endTime: new Date("2026-01-01T11:00:00Z") };
    const page = await client.pool.listUsageMetrics({ poolListUsageMetricsOptions: { ...period, maxResults: 1 } });
    const use = { poolId: "gone", vmSize: "standard_d4s_v3", totalCoreHours: 2 };
    expect([...page]).toMatchObject([{ ...use, startTime: period.startTime }]);
    const next = await client.pool.listUsageMetricsNext(page.odatanextLink ?? "");
    expect([...next]).toMatchObject([{ ...use, endTime: period.endTime }]);
  });

  test("reads applications", async () => {
    const { resourceGroup } = firstGroup;
    const { applicationOperations, applicationPackageOperations } = management;
    const { name } = service.account;
    await applicationOperations.create(resourceGroup, name, "one", { parameters: { displayName: "The one" } });
    await applicationOperations.create(resourceGroup, name, "two");
    for (const id of ["one", "two"]) {
      const { storageUrl } = await applicationPackageOperations.create(resourceGroup, name, id, "1.0");
      await new BlockBlobClient(storageUrl ?? "").uploadData(zip([{ name: "a", content: "a", mode: 0o100644 }]));
      await applicationPackageOperations.activate(resourceGroup, name, id, "1.0", { format: "zip" });
    }
    const one = { id: "one", displayName: "The one", versions: ["1.0"] };
    expect(await client.application.get("one")).toMatchObject(one);
    const page = await client.application.list({ applicationListOptions: { maxResults: 1 } });
    expect([...page]).toEqual([one]);
    const next = await client.application.listNext(page.odatanextLink ?? "");
    expect(next.map(({ id }) => id)).toEqual(["two"]);
    expect(await refusal(client.application.get("three"))).toBe("ApplicationNotFound");
  });

  test("keeps certificates", async () => {
    const certificates = rootCertificates.slice(0, 2).map((pem) => new X509Certificate(pem));
    const thumbprints = certificates.map(({ fingerprint }) => fingerprint.replaceAll(":", "").toLowerCase()).sort();
    for (const { fingerprint, raw } of certificates)
      await client.certificate.add({
        thumbprint: fingerprint.replaceAll(":", ""),
        thumbprintAlgorithm: "sha1",
        data: raw.toString("base64"),
        certificateFormat: "cer",
      });
    const page = await client.certificate.list({ certificateListOptions: { maxResults: 1 } });
    const next = await client.certificate.listNext(page.odatanextLink ?? "");
    expect([...page, ...next].map(({ thumbprint }) => thumbprint)).toEqual(thumbprints);
    const [used = "", unused = ""] = thumbprints;
    const certificateReferences = [{ thumbprint: used, thumbprintAlgorithm: "sha1" }];
    await client.pool.add(aPool("certified", { targetDedicatedNodes: 0, certificateReferences }));
    await client.certificate.deleteMethod("sha1", used);
    expect(await client.certificate.get("sha1", used)).toMatchObject({ state: "deletefailed", thumbprint: used });
    await client.certificate.cancelDeletion("sha1", used);
    expect((await client.certificate.get("sha1", used)).state).toBe("active");
    await client.certificate.deleteMethod("sha1", unused);
    expect(await refusal(client.certificate.get("sha1", unused))).toBe("CertificateNotFound");
  });

  test("has had each of its methods called", () => {
    expect(methods.filter((name) => !called.has(name))).toEqual([]);
    expect(methods.length).toBeGreaterThan(80);
    checkRow(
      "JavaScript `@azure/batch` | 10.2.0",
      methods.map((name) => ({ name, passed: called.has(name) })),
    );
  });
});
