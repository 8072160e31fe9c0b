import type { BatchManagementClient } from "@azure/arm-batch";
import { BlockBlobClient } from "@azure/storage-blob";
import {
  aPool,
  firstGroup,
  managementClient,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  storageContainer,
  type TestContainer,
  until,
  zip,
} from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { explainer } from "./explained.ts";

const megabyte = 1_000_000;
let service: RunningService;
let call: RawClient;
let container: TestContainer;
const archive = zip([{ name: "data", content: "x".repeat(megabyte), mode: 0o100644 }]);

beforeAll(async () => {
  service = await runningService({ https: true });
  call = rawClient(service);
  container = await storageContainer(service, "steps");
  await container.upload("input", "x".repeat(5 * megabyte));
  await publish(await managementClient(service));
  await send("/pools", aPool("pool"));
  await send("/jobs", { id: "job", poolInfo: { poolId: "pool" } });
}, 120_000);
afterAll(() => service[Symbol.asyncDispose]());

async function send(path: string, body: object) {
  const { status, text } = await call("POST", path, { body });
  if (status >= 300) throw new Error(`${path}: ${status} ${text}`);
}

/** Makes the archive version 1 of the application `tool`. */
async function publish(management: BatchManagementClient) {
  const place = [firstGroup.resourceGroup, service.account.name, "tool"] as const;
  await management.applicationOperations.create(...place);
  const { storageUrl = "" } = await management.applicationPackageOperations.create(...place, "1");
  await new BlockBlobClient(storageUrl).uploadData(archive);
  await management.applicationPackageOperations.activate(...place, "1", { format: "zip" });
}

const completed = (taskId: string) =>
  until(
    async () => Object((await call("GET", `/jobs/job/tasks/${taskId}`)).json),
    ({ state }) => state === "completed",
    90,
  );

const runsOf = async (taskId: string) =>
  Object((await call("GET", `/kyanite/jobs/job/tasks/${taskId}/runs`)).json).value;

test("each run of a task tells its steps, with what it fetched and sent", async () => {
  await send("/jobs/job/tasks", {
    id: "t",
    // Tried again on its node, where the package is by then.
    commandLine: "/bin/sh -c 'sleep 1; echo try >> tries; head -c 3000000 /dev/zero > out; test $(wc -l < tries) = 2'",
    constraints: { maxTaskRetryCount: 1 },
    applicationPackageReferences: [{ applicationId: "tool", version: "1" }],
    resourceFiles: [{ httpUrl: container.urlOf("input"), filePath: "input" }],
    outputFiles: [
      {
        filePattern: "out",
        destination: { container: { containerUrl: container.url } },
        uploadOptions: { uploadCondition: "tasksuccess" },
      },
    ],
  });
  expect((await completed("t")).executionInfo).toMatchObject({ result: "success", retryCount: 1 });
  const steps = (packages: number, downloads: number, upload: number) => [
    expect.objectContaining({ name: "directories" }),
    moved("packages", packages),
    moved("downloads", downloads),
    expect.objectContaining({ name: "command" }),
    moved("upload", upload),
  ];
  const runs = await runsOf("t");
  expect(runs).toMatchObject([
    { outcome: "success", steps: steps(0, 5 * megabyte, 3 * megabyte) },
    { outcome: "failure", steps: steps(archive.length, 5 * megabyte, 0) },
  ]);
  for (const run of runs)
    for (const { startTime, endTime } of run.steps)
      expect(Date.parse(endTime)).toBeGreaterThanOrEqual(Date.parse(startTime));

  const { timeline = [] } = await explainer(call).explain("jobs/job/tasks/t/");
  const ran = timeline.find(({ phase }) => phase === "running");
  expect(ran?.text).toMatch(/^It ran for \d+ s: (.*, )?the command 1\.\d s/);
  expect(ran?.steps?.map(({ step, bytes }) => [step, bytes])).toEqual([
    ["directories", undefined],
    ["packages", undefined],
    ["downloads", 5 * megabyte],
    ["command", undefined],
    ["upload", 3 * megabyte],
  ]);
  expect(ran?.steps?.[2]?.text).toMatch(/^Resource files took .* of .*: 5\.0 MB at .*B\/s$/);
}, 120_000);

const moved = (name: string, bytes: number) =>
  bytes === 0
    ? expect.not.objectContaining({ bytes: expect.anything() })
    : expect.objectContaining({ name, bytes: String(bytes) });
