import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorCodes } from "@kyanite/contract";
import { aPool, type RawClient, type RunningService, rawClient, runningService } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** Codes that no request to this server is answered with, each with the reason. */
const unreachable: Readonly<Record<string, string>> = {
  AccountIsDisabled: "accounts are not disabled by any request of the data plane",
  AutoScaleFormulaTooLong: "AutoScalingFormulaTooLong, as the documentation spells it",
  CertificateBeingDeleted: "a deletion is decided in the request that asks for it",
  CertificateStateDeleteFailed: "the same",
  HostInformationNotPresent: "requests without a host answer InvalidHeaderValue or are refused unread",
  IOError: "files that cannot be read answer FileNotFound or TaskFilesUnavailable",
  InternalError: "a fault of ours; the mutated requests look for one",
  InvalidConstraintValue: "a constraint is a property: InvalidPropertyValue",
  InvalidHttpVerb: "UnsupportedHttpVerb",
  InvalidInput: "every input has a code that names it",
  InvalidMetadata: "InvalidPropertyValue with the property's name",
  InvalidRestAPIForAccountSetting: "every account permits every operation",
  JobDisabled: "a disabled job takes tasks and changes",
  JobNotActive: "the more exact JobBeingTerminated, JobCompleted or JobBeingDeleted",
  JobPreparationTaskNotRunOnNode: "no operation asks for one node's preparation",
  JobPreparationTaskNotSpecified: "JobPreparationTaskOrReleaseTaskNotSpecified, which the service answers in truth",
  JobReleaseTaskNotRunOnNode: "no operation asks for one node's release",
  JobReleaseTaskNotSpecified: "no operation asks for release tasks alone",
  JobScheduleDisabled: "a disabled schedule takes every request",
  MetadataTooLarge: "metadata is bounded by the body only",
  MissingContentLengthHeader: "bodies in chunks are read",
  NodeCountsMismatch: "nothing asks for nodes to be upgraded",
  NotImplemented: "for an operation without a handler",
  OSVersionDisabled: "pools of cloud services are not made",
  OSVersionExpired: "the same",
  OSVersionNotFound: "the same",
  OperationNotValidOnPool: "pools are all of one kind",
  OutOfRangeInput: "OutOfRangeQueryParameterValue or InvalidPropertyValue",
  OutOfRangePriority: "InvalidPropertyValue with the property's name",
  PathNotFound: "FileNotFound or InvalidUri",
  PoolBeingCreated: "a pool is there when its request is answered",
  PoolNotEligibleForOSVersionUpgrade: "pools of cloud services are not made",
  PoolVersionEqualsUpgradeVersion: "the same",
  RequestEntityTooLarge: "RequestBodyTooLarge",
  ResourceAlreadyExists: "each resource has a code of its own, such as PoolExists",
  ResourceTypeMismatch: "paths say what a resource is",
  TooManyRequests: "requests are not throttled",
  UnsupportedConstraint: "UnsupportedProperty with the property's name",
  UnsupportedHeader: "headers that mean nothing are ignored",
  UnsupportedHttpVersion: "versions of HTTP that are not known are refused unread",
  UpgradePoolVersionConflict: "pools of cloud services are not made",
  TaskDependenciesNotSpecifiedOnJob: "UnsupportedProperty with the property's name, which the service answers in truth",
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

const description = new URL("../../../../../shared/spec/auth-and-errors.md", import.meta.url);
const isPublished = existsSync(description);
if (!isPublished) console.warn("SKIPPED: no list of published error codes in ../shared/spec");

/** The codes that the description of the API lists, where a copy of it lies beside the repository. */
function publishedCodes(): string[] {
  if (!isPublished) return [];
  const section =
    readFileSync(description, "utf8").split("## 4. Error codes by HTTP status")[1]?.split("\n###")[0] ?? "";
  return [...section.matchAll(/`([A-Z]\w+)`/g)].map(([, code]) => code ?? "");
}

test("every code is named by a test that causes it, or is unreachable for a reason", () => {
  const packages = fileURLToPath(new URL("../../..", import.meta.url));
  const files = readdirSync(packages, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".test.ts") && !/node_modules|dist\/|error-codes|conformance/.test(file),
  );
  const own = readFileSync(fileURLToPath(import.meta.url), "utf8").split("let service")[1] ?? "";
  const tests = files.map((file) => readFileSync(join(packages, file), "utf8")).join("\n") + own;
  const codes = new Set([...Object.keys(errorCodes), ...publishedCodes()]);
  const uncaused = [...codes].filter((code) => !new RegExp(`\\b${code}\\b`).test(tests));
  expect(uncaused.filter((code) => unreachable[code] === undefined)).toEqual([]);
});
