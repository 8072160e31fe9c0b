import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { aPool, type RawClient, type RunningService, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Events, followEvents } from "./following.ts";

let service: RunningService;
let call: RawClient;

beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
  await call("POST", "/pools", { body: { ...aPool("pool"), taskSlotsPerNode: 8 } });
}, 90_000);
afterAll(() => service[Symbol.asyncDispose]());

async function addJob(id: string, scripts: Readonly<Record<string, string>>) {
  const body = { id, poolInfo: { poolId: "pool" }, onAllTasksComplete: "noaction" };
  expect(await call("POST", "/jobs", { body })).toMatchObject({ status: 201 });
  const tasks = Object.entries(scripts).map(([task, script]) => ({ id: task, commandLine: `/bin/sh -c '${script}'` }));
  for (let from = 0; from < tasks.length; from += 100)
    await call("POST", `/jobs/${id}/addtaskcollection`, { body: { value: tasks.slice(from, from + 100) } });
}

const counts = async (id: string) => Object((await call("GET", `/jobs/${id}/taskcounts`)).json);
const allEnded = (id: string) =>
  until(
    () => counts(id),
    ({ taskCounts: { active, running } }) => active + running === 0,
    90,
  );

const linesOf = (followed: Events) => followed.lines().map(({ taskId, file, line }) => `${taskId} ${file} ${line}`);

test("what all tasks of a job write comes in one stream, each line once, until the job has completed", async () => {
  const wait = "until test -e go; do sleep 0.02; done";
  await addJob("live", {
    early: "echo early",
    running: `echo begun; ${wait}; echo ended`,
    failing: "echo reason >&2; exit 2",
  });
  await until(
    () => counts("live"),
    ({ taskCounts: { completed, running } }) => completed === 2 && running === 1,
    60,
  );
  const followed = await followEvents(service, "/kyanite/jobs/live/logs?follow=true");
  await until(
    async () => linesOf(followed).length,
    (count) => count === 3,
  );
  const { nodeInfo } = Object((await call("GET", "/jobs/live/tasks/running")).json);
  await writeFile(join(service.nodesDirectory, nodeInfo.nodeId, "root/workitems/live/job-1/running/wd/go"), "");
  await until(
    async () => linesOf(followed).length,
    (count) => count === 4,
  );
  await call("POST", "/jobs/live/tasks", { body: { id: "late", commandLine: "echo late" } });
  await until(
    async () => linesOf(followed).length,
    (count) => count === 5,
  );
  await call("POST", "/jobs/live/terminate");
  await followed.ended;
  expect(linesOf(followed).toSorted()).toEqual([
    "early stdout.txt early",
    "failing stderr.txt reason",
    "late stdout.txt late",
    "running stdout.txt begun",
    "running stdout.txt ended",
  ]);
  const ends = followed.events().filter(({ event }) => event === "taskEnd");
  expect(ends.find(({ data }) => data.taskId === "failing")?.data).toMatchObject({ exitCode: 2, result: "failure" });
  expect(followed.events().at(-1)).toMatchObject({ event: "end", data: { reason: "jobCompleted" } });
});

test("only failed tasks, tasks with a prefix, or lines with a text are shown on request", async () => {
  await addJob("filtered", {
    "a-good": "echo some text; echo other",
    "a-bad": "echo some text; echo other; exit 1",
    "b-bad": "echo other; exit 1",
  });
  await allEnded("filtered");
  const shown = async (query: string) => {
    const followed = await followEvents(service, `/kyanite/jobs/filtered/logs?${query}`);
    await followed.ended;
    expect(followed.events().at(-1)?.data).toEqual({ reason: "sent" });
    return linesOf(followed).toSorted();
  };
  expect(await shown("failed=true")).toEqual([
    "a-bad stdout.txt other",
    "a-bad stdout.txt some text",
    "b-bad stdout.txt other",
  ]);
  expect(await shown("contains=some")).toEqual(["a-bad stdout.txt some text", "a-good stdout.txt some text"]);
  expect(await shown("taskIdPrefix=B-")).toEqual(["b-bad stdout.txt other"]);
  expect(await shown("files=none.txt")).toEqual([]);
});

test("each of many tasks is shown once", async () => {
  const ids = Array.from({ length: 220 }, (_, index) => `task-${index}`);
  await addJob("many", Object.fromEntries(ids.map((id) => [id, `echo ${id}`])));
  const followed = await followEvents(service, "/kyanite/jobs/many/logs?follow=true&files=stdout.txt");
  await allEnded("many");
  await until(
    async () => linesOf(followed).length,
    (count) => count >= ids.length,
    90,
  );
  await call("POST", "/jobs/many/terminate");
  await followed.ended;
  expect(linesOf(followed).toSorted()).toEqual(ids.map((id) => `${id} stdout.txt ${id}`).toSorted());
}, 240_000);
