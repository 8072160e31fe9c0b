import { access } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { BatchServiceClient } from "@azure/batch";
import { processesWithVariable } from "@kyanite/runtime";
import {
  anAutoPool,
  batchClient,
  type MovableClock,
  movableClock,
  type RunningService,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

/** Schedules with real nodes, every minute of a clock that is moved on. */
vi.setConfig({ testTimeout: 180_000 });

let clock: MovableClock;
let service: RunningService;
let client: BatchServiceClient;

beforeEach(async () => {
  clock = movableClock();
  service = await runningService({ clock, settings: { heartbeatSeconds: 1, nodeSilentSeconds: 3_600 } });
  client = batchClient(service);
});
afterEach(() => service[Symbol.asyncDispose]());

const patience = 90;
const sh = (script: string) => `/bin/sh -c '${script}'`;

function schedule(poolLifetimeOption: "job" | "jobschedule", more: object) {
  return {
    schedule: { recurrenceInterval: "PT1M" },
    jobSpecification: {
      poolInfo: { autoPoolSpecification: { poolLifetimeOption, autoPoolIdPrefix: "own", pool: anAutoPool() } },
      ...more,
    },
  };
}

const jobIs = (id: string, state: string) =>
  until(
    () => client.job.get(id).catch(() => undefined),
    (job) => job?.state === state,
    patience,
  );

async function poolOf(jobId: string): Promise<string> {
  return (await client.job.get(jobId)).executionInfo?.poolId ?? "";
}

const noPools = () =>
  until(
    () => client.pool.list(),
    (pools) => pools.length === 0,
    patience,
  );

test("every minute a job with a manager runs on a pool of its own, which is gone after it", async () => {
  const manager = {
    id: "manager",
    commandLine: sh("echo $AZ_BATCH_JOB_ID $AZ_BATCH_TASK_DIR"),
    killJobOnCompletion: true,
  };
  await client.jobSchedule.add({ id: "Nightly", ...schedule("job", { jobManagerTask: manager }) });
  const first = await jobIs("Nightly:job-1", "completed");
  expect(first?.executionInfo?.terminateReason).toBe("JMComplete");
  const nodeId = (await client.task.get("Nightly:job-1", "manager")).nodeInfo?.nodeId ?? "";
  await noPools();
  expect(processesWithVariable("AZ_BATCH_NODE_ROOT_DIR", join(service.nodesDirectory, nodeId, "root"))).toEqual([]);
  await expect(access(join(service.nodesDirectory, nodeId))).rejects.toThrow();
  await client.job.deleteMethod("Nightly:job-1");

  clock.advance(60);
  const second = await jobIs("Nightly:job-2", "completed");
  expect(second?.executionInfo?.poolId).toMatch(/^own_/);
  expect(second?.executionInfo?.poolId).not.toBe(first?.executionInfo?.poolId);
  await until(
    () => client.job.listFromJobSchedule("Nightly"),
    (jobs) => jobs.length === 1,
    patience,
  );
  const { stats, executionInfo } = await client.jobSchedule.get("Nightly", {
    jobScheduleGetOptions: { expand: "stats" },
  });
  expect(stats).toMatchObject({ numSucceededTasks: 2, numFailedTasks: 0 });
  expect(executionInfo?.recentJob?.id).toBe("Nightly:job-2");
  await client.jobSchedule.deleteMethod("Nightly");
  await until(
    () => client.job.list(),
    (jobs) => jobs.length === 0,
    patience,
  );
  await noPools();
});

test("jobs of a schedule run one after the other on the schedule's pool, in directories of their own, until it is terminated", async () => {
  await client.jobSchedule.add({ id: "shared", ...schedule("jobschedule", {}) });
  await jobIs("shared:job-1", "active");
  const poolId = await poolOf("shared:job-1");
  await client.task.add("shared:job-1", { id: "t", commandLine: sh("echo $AZ_BATCH_TASK_DIR") });
  await client.job.patch("shared:job-1", { onAllTasksComplete: "terminatejob" });
  await jobIs("shared:job-1", "completed");
  const file = await client.file.getFromTask("shared:job-1", "t", "stdout.txt");
  expect(file.readableStreamBody && (await text(file.readableStreamBody))).toMatch(/workitems\/shared\/job-1\/t\n$/);

  clock.advance(60);
  await jobIs("shared:job-2", "active");
  expect(await poolOf("shared:job-2")).toBe(poolId);
  await client.task.add("shared:job-2", { id: "t", commandLine: sh("echo $AZ_BATCH_TASK_DIR; sleep 600") });
  await until(
    () => client.task.get("shared:job-2", "t"),
    ({ state }) => state === "running",
    patience,
  );
  // The next occurrence waits for the job that runs.
  clock.advance(60);
  await client.jobSchedule.patch("shared", { metadata: [{ name: "seen", value: "yes" }] });
  expect(await client.job.listFromJobSchedule("shared")).toHaveLength(2);

  await client.jobSchedule.terminate("shared");
  await until(
    () => client.jobSchedule.get("shared"),
    ({ state }) => state === "completed",
    patience,
  );
  const ended = await client.job.get("shared:job-2");
  expect(ended).toMatchObject({ state: "completed", executionInfo: { terminateReason: "TerminateJobSchedule" } });
  expect((await client.task.get("shared:job-2", "t")).executionInfo?.result).toBe("failure");
  expect(await client.job.listFromJobSchedule("shared")).toHaveLength(2);
  await noPools();
});
