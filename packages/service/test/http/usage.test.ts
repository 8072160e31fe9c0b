import { type AccountUsage, parseDuration, type UsageGroup } from "@kyanite/contract";
import { aPool, type RawAnswer, type RunningService, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: RunningService;
let raw: ReturnType<typeof rawClient>;
beforeAll(async () => {
  service = await runningService({ settings: { sampleSeconds: 1, nodeSilentSeconds: 5, heartbeatSeconds: 1 } });
  raw = rawClient(service);
  const metadata = [{ name: "team", value: "blue" }];
  await ok(raw("POST", "/pools", { body: aPool("pool", { taskSlotsPerNode: 2, metadata }) }));
});
afterAll(() => service[Symbol.asyncDispose]());

async function ok(answering: Promise<RawAnswer>) {
  const { status, json, text } = await answering;
  if (status >= 300) throw new Error(`${status} ${text}`);
  return JSON.parse(json === undefined ? "{}" : text);
}

const sh = (script: string) => `/bin/sh -c '${script}'`;
const burn = `${process.execPath} -e "const end = process.cpuUsage().user + 4e5; while (process.cpuUsage().user < end);"`;
const write = "dd if=/dev/zero of=written bs=1M count=20 conv=fsync";
const hold = `${process.execPath} -e "const held = Buffer.alloc(2e8, 1); setTimeout(() => held, 2600)"`;

async function run(jobId: string, tasks: readonly object[], metadata: readonly object[] = []): Promise<void> {
  await ok(raw("POST", "/jobs", { body: { id: jobId, poolInfo: { poolId: "pool" }, metadata } }));
  for (const body of tasks) await ok(raw("POST", `/jobs/${jobId}/tasks`, { body }));
  await until(
    () => ok(raw("GET", `/jobs/${jobId}/tasks`, { query: { $filter: "state ne 'completed'" } })),
    ({ value }: { value: unknown[] }) => value.length === 0,
  );
}

interface Stats {
  readonly userCPUTime: string;
  readonly kernelCPUTime: string;
  readonly writeIOGiB: number;
  readonly writeIOps: string;
}
const statsOf = async (path: string): Promise<Stats> =>
  (await ok(raw("GET", path, { query: { $expand: "stats" } }))).stats ?? fail("no statistics");
const fail = (reason: string): never => {
  throw new Error(reason);
};
const seconds = (duration: string) => parseDuration(duration) ?? fail(duration);
const usage = async (query: Record<string, string>): Promise<AccountUsage> =>
  ok(raw("GET", "/kyanite/usage", { query }));
const groupOf = (groups: readonly UsageGroup[], job: string | undefined) =>
  groups.find(({ jobId }) => jobId === job) ?? fail("no such group");

test("statistics of tasks count processors and disks, and those of their job are the sum", async () => {
  await run("work", [
    { id: "burner", commandLine: sh(burn) },
    { id: "writer", commandLine: sh(write) },
    { id: "holder", commandLine: sh(hold) },
  ]);
  const [burner, writer, job] = await Promise.all(
    ["/jobs/work/tasks/burner", "/jobs/work/tasks/writer", "/jobs/work"].map(statsOf),
  );
  if (!burner || !writer || !job) throw new Error("no statistics");
  expect(seconds(burner.userCPUTime)).toBeGreaterThan(0.35);
  expect(seconds(burner.userCPUTime)).toBeLessThan(10);
  expect(writer.writeIOGiB).toBeGreaterThanOrEqual(20 / 1024);
  expect(writer.writeIOGiB).toBeLessThan(40 / 1024);
  expect(Number(writer.writeIOps)).toBeGreaterThanOrEqual(20);
  expect(seconds(job.userCPUTime)).toBeGreaterThanOrEqual(seconds(burner.userCPUTime));
  expect(job.writeIOGiB).toBeGreaterThanOrEqual(writer.writeIOGiB);
});

test("a task's usage tells its peak of memory and who has counted", async () => {
  const holder = await ok(raw("GET", "/kyanite/jobs/work/tasks/holder/usage"));
  expect(Number(holder.peakMemoryBytes)).toBeGreaterThan(2e8);
  expect(Number(holder.peakMemoryBytes)).toBeLessThan(6e8);
  expect(holder).toMatchObject({ jobId: "work", taskId: "holder", runs: 1, ioSource: "processes" });
  expect(["controlGroup", "processes"]).toContain(holder.cpuSource);
  expect((await raw("GET", "/kyanite/jobs/work/tasks/none/usage")).status).toBe(404);
});

test("retries of a task add up", async () => {
  await run("again", [{ id: "t", commandLine: sh(`${burn}; exit 1`), constraints: { maxTaskRetryCount: 1 } }]);
  const task = await ok(raw("GET", "/kyanite/jobs/again/tasks/t/usage"));
  expect(task).toMatchObject({ runs: 2 });
  expect(seconds(task.userCPUTime ?? "")).toBeGreaterThan(0.7);
});

test("usage is told by job and tag, with the share of a node that tasks have had", async () => {
  await run("tagged", [{ id: "t", commandLine: "sleep 0.5", requiredSlots: 2 }], [{ name: "team", value: "red" }]);
  const { groups } = await usage({ groupby: "job,tag:team" });
  const [tagged, work, nodes] = ["tagged", "work", undefined].map((job) => groupOf(groups, job));
  if (!tagged || !work || !nodes) return fail("no group");
  // Both cores of the node for half a second at least.
  expect(tagged).toMatchObject({ tags: { team: "red" }, succeededTasks: "1", failedTasks: "0" });
  expect(tagged.taskCoreSeconds).toBeGreaterThanOrEqual(1);
  expect(tagged.taskCoreSeconds).toBeCloseTo(2 * tagged.runSeconds, 6);
  // A job without tags has those of its pool, and half the slots are one core.
  expect(work).toMatchObject({ tags: { team: "blue" }, succeededTasks: "3" });
  expect(work.taskCoreSeconds).toBeCloseTo(work.runSeconds, 6);
  expect(work.taskCPUSeconds).toBeGreaterThan(0.35);
  expect(nodes.nodeCoreSeconds).toBeGreaterThan(work.taskCoreSeconds);
  expect(nodes.nodeCost).toBeNull();
});

test("usage without groups is all that the account has used, also of a time in which there was nothing", async () => {
  const { groups } = await usage({});
  const byPool = await usage({ groupby: "pool" });
  expect(groups).toHaveLength(1);
  expect(groups[0]?.runSeconds).toBeCloseTo(byPool.groups[0]?.runSeconds ?? 0, 6);
  expect((await usage({ from: "0001-01-01", to: "1999-01-01" })).groups).toEqual([]);
  expect((await usage({ from: "0001-01-01" })).groups).toHaveLength(1);
});

test("costs follow from the prices, which only an owner's credential changes", async () => {
  expect(await ok(raw("GET", "/kyanite/prices"))).toMatchObject({ prices: [] });
  const price = { vmSize: "Standard_D2s_v3", dedicated: true, perHour: 3600 };
  const twice = await raw("PUT", "/kyanite/prices", { body: { currency: "EUR", prices: [price, price] } });
  expect(twice.status).toBe(400);
  expect(twice.text).toContain("prices[1].vmSize");
  await ok(raw("PUT", "/kyanite/prices", { body: { currency: "EUR", prices: [price] } }));
  expect(await ok(raw("GET", "/kyanite/prices"))).toMatchObject({ currency: "EUR", prices: [price] });
  const { currency, groups } = await usage({ groupby: "pool" });
  expect(currency).toBe("EUR");
  // One a second for two cores.
  expect(groups[0]?.nodeCost).toBeCloseTo((groups[0]?.nodeCoreSeconds ?? 0) / 2, 3);
  expect(groups[0]?.poolId).toBe("pool");
});

test("usage is to be had as CSV", async () => {
  const answer = await raw("GET", "/kyanite/usage", { query: { groupby: "day,job" }, headers: { accept: "text/csv" } });
  expect(answer.headers["content-type"]).toMatch(/^text\/csv/);
  const [heads, ...rows] = answer.text.trim().split("\r\n");
  expect(heads).toMatch(/^day,jobId,nodeCoreSeconds,/);
  expect(rows.some((row) => /^\d{4}-\d\d-\d\d,work,/.test(row))).toBe(true);
});

test.each([
  [{ groupby: "weather" }, "groupby"],
  [{ from: "yesterday" }, "from"],
  [{ from: "2999-01-01T00:00:00Z" }, "from"],
  [{ from: "-000001-01-01T00:00:00Z" }, "from"],
  [{ from: "2026-01-01T00:00:00" }, "from"],
  [{ to: "0001-01-01" }, "from"],
])("a question that makes no sense is refused: %j", async (query, name) => {
  const answer = await raw("GET", "/kyanite/usage", { query });
  expect(answer.status).toBe(400);
  expect(answer.text).toContain(name);
});

test("a run that was requeued, and the one that follows over a restart of the server, count once each", async () => {
  await ok(raw("POST", "/jobs", { body: { id: "lost", poolInfo: { poolId: "pool" } } }));
  await ok(raw("POST", "/jobs/lost/tasks", { body: { id: "t", commandLine: sh("[ -e ../again ] || sleep 600") } }));
  await until(
    () => ok(raw("GET", "/jobs/lost/tasks/t")),
    ({ state }) => state === "running",
  );
  await ok(raw("POST", "/jobs/lost/disable", { body: { disableTasks: "requeue" } }));
  await until(
    () => ok(raw("GET", "/jobs/lost")),
    ({ state }) => state === "disabled",
  );
  await service.restart();
  await ok(raw("POST", "/jobs/lost/enable"));
  await until(
    () => ok(raw("GET", "/jobs/lost/tasks/t")),
    ({ state }) => state === "running",
  );
  await ok(raw("POST", "/jobs/lost/tasks/t/terminate"));
  const { wallClockTime } = (await ok(raw("GET", "/jobs/lost", { query: { $expand: "stats" } }))).stats ?? fail("none");
  const group = groupOf((await usage({ groupby: "job" })).groups, "lost");
  expect(group.runSeconds).toBeCloseTo(seconds(wallClockTime), 2);
  expect(group).toMatchObject({ succeededTasks: "0", failedTasks: "1" });
});

test("usage stays when its job and pool are gone", async () => {
  const before = groupOf((await usage({ groupby: "job" })).groups, "work");
  await ok(raw("DELETE", "/jobs/work"));
  await until(
    () => raw("GET", "/jobs/work"),
    ({ status }) => status === 404,
  );
  await ok(raw("DELETE", "/pools/pool"));
  await until(
    () => raw("GET", "/pools/pool"),
    ({ status }) => status === 404,
  );
  const { groups } = await usage({ groupby: "job,pool,tag:team" });
  expect(groupOf(groups, "work")).toMatchObject({
    taskCoreSeconds: before.taskCoreSeconds,
    poolId: "pool",
    tags: { team: "blue" },
  });
  const nodes = groupOf(groups, undefined);
  expect(nodes).toMatchObject({ tags: { team: "blue" } });
  expect(nodes.nodeCoreSeconds).toBeGreaterThan(0);
});
