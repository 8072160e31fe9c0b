import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorCodes } from "@kyanite/contract";
import { aPool, type RawClient, type RunningService, rawClient, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** Codes that no request to this server is answered with, each with the reason. */
const unreachable: Readonly<Record<string, string>> = {
  AccountIsDisabled: "accounts are not disabled by any request of the data plane",
  CertificateBeingDeleted: "a deletion is decided in the request that asks for it",
  CertificateStateDeleteFailed: "the same",
  IOError: "files that cannot be read answer FileNotFound or TaskFilesUnavailable",
  InternalError: "a fault of ours; the mutated requests look for one",
  InvalidConstraintValue: "a constraint is a property: InvalidPropertyValue",
  InvalidInput: "every input has a code that names it",
  JobDisabled: "a disabled job takes tasks and changes",
  JobNotActive: "the more exact JobBeingTerminated, JobCompleted or JobBeingDeleted",
  JobPreparationTaskNotRunOnNode: "no operation asks for one node's preparation",
  JobReleaseTaskNotRunOnNode: "no operation asks for one node's release",
  JobReleaseTaskNotSpecified: "no operation asks for release tasks alone",
  JobScheduleDisabled: "a disabled schedule takes every request",
  MetadataTooLarge: "metadata is bounded by the body only",
  MissingContentLengthHeader: "bodies in chunks are read",
  NotImplemented: "for an operation without a handler",
  OperationNotValidOnPool: "pools are all of one kind",
  OutOfRangeInput: "OutOfRangeQueryParameterValue or InvalidPropertyValue",
  OutOfRangePriority: "InvalidPropertyValue with the property's name",
  PoolBeingCreated: "a pool is there when its request is answered",
  TooManyRequests: "requests are not throttled",
  UnsupportedConstraint: "UnsupportedProperty with the property's name",
  UnsupportedHeader: "headers that mean nothing are ignored",
};

let service: RunningService;
let call: RawClient;
beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
  await call("POST", "/pools", { body: aPool("pool", { targetDedicatedNodes: 0 }) });
  const job = { poolInfo: { poolId: "pool" }, usesTaskDependencies: true };
  const special = { jobPreparationTask: { commandLine: "true" }, jobReleaseTask: { commandLine: "true" } };
  await call("POST", "/jobs", { body: { id: "job", ...job, ...special } });
});
afterAll(() => service[Symbol.asyncDispose]());

describe("an error that nothing else causes", () => {
  const add = (body: object) => call("POST", "/jobs/job/tasks", { body: { commandLine: "true", ...body } });

  test("TaskIdSameAsJobPreparationTask, TaskIdSameAsJobReleaseTask", async () => {
    expect(await add({ id: "JobPreparation" })).toMatchObject({
      status: 409,
      json: { code: "TaskIdSameAsJobPreparationTask" },
    });
    expect(await add({ id: "jobrelease" })).toMatchObject({
      status: 409,
      json: { code: "TaskIdSameAsJobReleaseTask" },
    });
  });

  test("TaskDependencyListTooLong, TaskDependencyRangesTooLong", async () => {
    const taskIds = Array.from({ length: 1_001 }, (_, n) => `${n}`.padStart(64, "t"));
    expect((await add({ id: "a", dependsOn: { taskIds } })).json).toMatchObject({ code: "TaskDependencyListTooLong" });
    const taskIdRanges = [{ start: 0, end: 2_000_000_000 }];
    expect((await add({ id: "a", dependsOn: { taskIdRanges } })).json).toMatchObject({
      code: "TaskDependencyRangesTooLong",
    });
  });

  test("TaskFilesUnavailable, before a task has run", async () => {
    expect((await add({ id: "waiting" })).status).toBe(201);
    expect(await call("GET", "/jobs/job/tasks/waiting/files")).toMatchObject({
      status: 409,
      json: { code: "TaskFilesUnavailable" },
    });
  });
});

test("every code is named by a test that causes it, or is unreachable for a reason", () => {
  const packages = fileURLToPath(new URL("../../..", import.meta.url));
  const files = readdirSync(packages, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".test.ts") && !/node_modules|dist\/|error-codes|conformance/.test(file),
  );
  const own = readFileSync(fileURLToPath(import.meta.url), "utf8").split("let service")[1] ?? "";
  const tests = files.map((file) => readFileSync(join(packages, file), "utf8")).join("\n") + own;
  const uncaused = Object.keys(errorCodes).filter((code) => !new RegExp(`\\b${code}\\b`).test(tests));
  expect(uncaused.filter((code) => unreachable[code] === undefined)).toEqual([]);
});
