import type { JobProgress } from "@kyanite/contract";
import { aPool, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: Awaited<ReturnType<typeof runningService>>;
let raw: ReturnType<typeof rawClient>;

beforeAll(async () => {
  service = await runningService({ settings: { heartbeatSeconds: 1, poolSampleSeconds: 1 } });
  raw = rawClient(service);
  await ok("POST", "/pools", aPool("pool", { taskSlotsPerNode: 2 }));
  await ok("POST", "/pools", aPool("empty", { targetDedicatedNodes: 0 }));
});
afterAll(() => service[Symbol.asyncDispose]());

async function ok(method: string, path: string, body?: object) {
  const { status, text } = await raw(method, path, body ? { body } : {});
  if (status >= 300) throw new Error(`${status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
}

async function addJob(id: string, poolId: string, commandLines: readonly string[]): Promise<void> {
  await ok("POST", "/jobs", { id, poolInfo: { poolId } });
  const value = commandLines.map((commandLine, index) => ({ id: `t${index}`, commandLine }));
  if (value.length > 0) await ok("POST", `/jobs/${id}/addtaskcollection`, { value });
}

const progress = (id: string): Promise<JobProgress> => ok("GET", `/kyanite/jobs/${id}/progress`);
const sum = (values: readonly (number | null)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0);

test("a job at work tells how far it is, how fast, and when it may end", async () => {
  await addJob("work", "pool", [...Array.from({ length: 20 }, () => "sleep 0.3"), "sleep 600"]);
  const soon = await until(
    () => progress("work"),
    ({ taskCounts, estimate }) => taskCounts.completed > 4 && taskCounts.active > 0 && estimate.endTime !== null,
  );
  expect(soon.throughput.recent).toBeGreaterThan(0);
  expect(Date.parse(soon.estimate.endTime ?? "")).toBeGreaterThan(Date.parse(soon.time));
  expect(soon.completedShare).toBeCloseTo(soon.taskCounts.completed / 21, 6);
  const late = await until(
    () => progress("work"),
    ({ taskCounts }) => taskCounts.completed === 20,
  );
  expect(late.taskCounts).toEqual({ active: 0, running: 1, completed: 20, succeeded: 20, failed: 0 });
  expect(late.completedTasks).toHaveLength(late.times.length);
  expect(sum(late.completedTasks)).toBe(20);
  expect(late.completedTasks.filter((each) => each !== 0).length).toBeGreaterThan(1);

  await ok("POST", "/jobs/work/terminate", {});
  const ended = await until(
    () => progress("work"),
    ({ state }) => state === "completed",
  );
  expect(ended.estimate).toMatchObject({ endTime: null, reason: "jobCompleted" });
  expect(sum(ended.completedTasks)).toBe(21);
});

test("a job that cannot go on says why there is no end", async () => {
  await addJob("none", "empty", []);
  expect(await progress("none")).toMatchObject({ estimate: { reason: "noTasks" }, completedShare: null });
  await addJob("waits", "empty", ["true"]);
  expect(await progress("waits")).toMatchObject({
    estimate: { endTime: null, reason: "noNodes" },
    throughput: { recent: null, whole: null },
  });
  await ok("POST", "/jobs/waits/disable", { disableTasks: "requeue" });
  expect((await progress("waits")).estimate.reason).toBe("jobDisabled");
});

test("a job that is not there has no progress", async () => {
  expect(await raw("GET", "/kyanite/jobs/nowhere/progress")).toMatchObject({
    status: 404,
    json: { code: "JobNotFound" },
  });
});
