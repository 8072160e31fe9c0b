import type { BatchManagementClient } from "@azure/arm-batch";
import type { BatchServiceClient } from "@azure/batch";
import { BlockBlobClient } from "@azure/storage-blob";
import { createLog } from "@kyanite/runtime";
import {
  anAutoPool,
  aPool,
  batchClient,
  firstGroup,
  managementClient,
  movableClock,
  type RunningService,
  runningService,
  until,
  zip,
} from "@kyanite/testkit";
import { afterAll, beforeAll, test } from "vitest";
import { collectBlobs } from "../../src/loops/collect-blobs.ts";
import { storageAccounts } from "../../src/storage-accounts.ts";

const clock = movableClock();
let service: RunningService;
let client: BatchServiceClient;
let management: BatchManagementClient;

beforeAll(async () => {
  service = await runningService({ https: true, clock, settings: { poolSampleSeconds: 5, sampleSeconds: 1 } });
  client = batchClient(service);
  management = await managementClient(service);
});
afterAll(() => service[Symbol.asyncDispose]());

/** What remains when everything is gone that clients can delete, and how many rows at most. */
const remaining: Readonly<Record<string, number>> = {
  account: 1,
  // What the account has used up since it was made.
  account_usage: 1,
  pool_load: 1,
  // A row for each node that there was in the last year, for the usage metrics.
  node_life: 10,
  // Who did what, for some months, and what has changed, for a day.
  audit: 1000,
  event: 10_000,
  // How far the feed of events is, and which parts of it are in use.
  event_counter: 1,
  event_feed: 1,
  event_slot: 8,
  // How much is kept of former runs of an account, in sixteen rows so that writers do not wait for each other.
  past_run_size: 16,
  // What tasks have had of nodes on each day of the last year.
  task_usage: 100,
  // What accounts, pools, nodes and jobs had over time, until these days are dropped.
  account_sample: 1000,
  job_sample: 1000,
  five_minute_sample: 1000,
  hour_sample: 1000,
  sample_folding: 1,
  // The machine on which the nodes were, for a week.
  host: 1,
  issuer_key: 1,
  // One signs tokens, and with the other servers know each other.
  secret: 2,
  // That runs.
  server: 1,
  pool_sampling: 1,
  schema_migration: 1000,
  // Whoever signs in with a secret; `kyanite identity remove` takes them away.
  service_principal: 1,
};

/** What is written when something is deleted, or only by somebody else. */
const mayBeEmpty = new Set([
  "account_usage",
  "blob_removal",
  "certificate",
  "directory_removal",
  "five_minute_sample",
  "hour_sample",
  "job_schedule_usage",
  "kept_log",
  "node_life",
  "price_list",
  "webhook",
  "webhook_dead_letter",
  ...(process.getuid?.() === 0 ? [] : ["node_user"]),
]);

const sh = (script: string) => `/bin/sh -c '${script}'`;
const { resourceGroup } = firstGroup;

async function publishPackage(): Promise<void> {
  const { applicationOperations, applicationPackageOperations: packages } = management;
  const account = service.account.name;
  await applicationOperations.create(resourceGroup, account, "app");
  const { storageUrl = "" } = await packages.create(resourceGroup, account, "app", "1");
  await new BlockBlobClient(storageUrl).uploadData(zip([{ name: "file", content: "x" }]));
  await packages.activate(resourceGroup, account, "app", "1", { format: "zip" });
}

async function deletePackage(): Promise<void> {
  await management.applicationPackageOperations.delete(resourceGroup, service.account.name, "app", "1");
  await management.applicationOperations.delete(resourceGroup, service.account.name, "app");
}

const idle = (poolId: string, count: number) =>
  until(
    () => client.computeNode.list(poolId),
    (nodes) => nodes.length === count && nodes.every(({ state }) => state === "idle"),
  );

async function addPools(): Promise<void> {
  const applicationPackageReferences = [{ applicationId: "app", version: "1" }];
  const startTask = { commandLine: "true", waitForSuccess: true };
  const more = { targetDedicatedNodes: 2, enableInterNodeCommunication: true };
  await client.pool.add(aPool("pool", { ...more, startTask, applicationPackageReferences }));
  const { targetDedicatedNodes: _, ...scaling } = aPool("scaling", { enableAutoScale: true });
  await client.pool.add({ ...scaling, autoScaleFormula: "$TargetDedicatedNodes = 0;" });
  const [node] = await idle("pool", 2);
  if (node?.id && process.getuid?.() === 0)
    await client.computeNode.addUser("pool", node.id, { name: "guest", password: "x" });
}

/** Tasks of every kind: that succeed, fail, wait for others, run on two nodes at once, and one that still runs. */
async function runJob(): Promise<void> {
  await client.job.add({
    id: "job",
    poolInfo: { poolId: "pool" },
    usesTaskDependencies: true,
    jobPreparationTask: { commandLine: "true" },
    jobReleaseTask: { commandLine: "true" },
  });
  const multiInstanceSettings = { numberOfInstances: 2, coordinationCommandLine: "true" };
  await client.task.addCollection("job", [
    { id: "1", commandLine: "true" },
    { id: "2", commandLine: "false", constraints: { maxTaskRetryCount: 1 } },
    { id: "after", commandLine: "true", dependsOn: { taskIds: ["1"], taskIdRanges: [{ start: 1, end: 1 }] } },
    { id: "never", commandLine: "true", dependsOn: { taskIds: ["2"] } },
    { id: "gang", commandLine: "true", multiInstanceSettings },
    { id: "removed", commandLine: "true" },
  ]);
  const isDone = async () => (await client.job.getTaskCounts("job")).taskCounts;
  await until(isDone, ({ completed }) => completed === 5, 60);
  await client.task.deleteMethod("job", "removed");
  await client.task.add("job", { id: "long", commandLine: sh("sleep 600") });
  await until(
    () => client.task.get("job", "long"),
    ({ state }) => state === "running",
  );
}

async function runSchedule(): Promise<void> {
  await client.jobSchedule.add({
    id: "schedule",
    schedule: { recurrenceInterval: "PT1H" },
    jobSpecification: {
      poolInfo: { autoPoolSpecification: { poolLifetimeOption: "jobschedule", pool: anAutoPool() } },
      jobManagerTask: { id: "manager", commandLine: "true" },
    },
  });
  await until(
    () => client.job.listFromJobSchedule("schedule"),
    ([job]) => job?.state === "completed",
    60,
  );
}

async function rows(): Promise<Record<string, number>> {
  const { database } = service;
  const tables = await database<{ name: string }[]>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition`;
  const counts = await Promise.all(
    tables.map(async ({ name }) => {
      const [row] = await database<{ count: number }[]>`select count(*) from ${database(name)}`;
      return [name, row?.count ?? 0] as const;
    }),
  );
  return Object.fromEntries(counts);
}

const tooMany = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).filter(([table, count]) => count > (remaining[table] ?? 0));

test("when all is deleted nothing is left in the database but what is documented", async () => {
  await publishPackage();
  await addPools();
  await Promise.all([runJob(), runSchedule()]);
  await until(
    async () => Object.entries(await rows()).filter(([, count]) => count === 0),
    (empty) => empty.every(([table]) => mayBeEmpty.has(table)),
    30,
  );

  await client.jobSchedule.deleteMethod("schedule");
  await client.job.deleteMethod("job");
  await until(
    async () => [...(await client.job.list())],
    (jobs) => jobs.length === 0,
    60,
  );
  await Promise.all(["pool", "scaling"].map((id) => client.pool.deleteMethod(id)));
  await until(
    async () => [...(await client.pool.list())],
    (pools) => pools.length === 0,
    60,
  );
  await deletePackage();
  // Blobs stay for an hour; what was uploaded, an hour longer than its URL is good.
  clock.advance(6 * 3600);
  const accounts = storageAccounts([service.storage]);
  await collectBlobs(service.database, accounts, createLog("error")).round(clock.now());
  await until(
    async () => tooMany(await rows()),
    (tables) => tables.length === 0,
    30,
  );
}, 180_000);
