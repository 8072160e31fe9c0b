import { aPool, type RawClient, type RunningService, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { explainer, failingOf } from "./explained.ts";

let service: RunningService;
let call: RawClient;
let explain: ReturnType<typeof explainer>;

/** Sends what has to succeed. */
async function send(method: string, path: string, body?: object) {
  const { status, text } = await call(method, path, body ? { body } : {});
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
}
const addPool = (id: string, more: object = {}) => send("POST", "/pools", aPool(id, more));
const addJob = (id: string, poolId: string, more: object = {}) =>
  send("POST", "/jobs", { id, poolInfo: { poolId }, ...more });
const addTask = (jobId: string, id: string, more: object = {}) =>
  send("POST", `/jobs/${jobId}/tasks`, { id, commandLine: "/bin/true", ...more });
const taskOf = async (jobId: string, id: string) => Object((await call("GET", `/jobs/${jobId}/tasks/${id}`)).json);
const inState = (jobId: string, id: string, state: string) =>
  until(
    () => taskOf(jobId, id),
    (task) => task.state === state,
  );
const nodesOf = async (poolId: string): Promise<{ id: string; state: string }[]> =>
  Object((await call("GET", `/pools/${poolId}/nodes`)).json).value;
const nodeIn = async (poolId: string, state: string) => {
  const nodes = await until(
    () => nodesOf(poolId),
    (found) => found.some((node) => node.state === state),
  );
  return nodes.find((node) => node.state === state)?.id ?? "";
};

beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
  explain = explainer(call);
  await addPool("one");
  await nodeIn("one", "idle");
});
afterAll(() => service[Symbol.asyncDispose]());

const sleeps = { commandLine: "/bin/sleep 600" };

describe("a task that waits is told", () => {
  test("that it needs more slots than any node has, and that it will never run there", async () => {
    await addJob("large", "one");
    await addTask("large", "t", { requiredSlots: 8 });
    const told = await explain.untilFails("jobs/large/tasks/t/", "fitsANode");
    expect(told).toMatchObject({
      kind: "task",
      id: "t",
      state: "active",
      verdict: "stuck",
      summary: "It needs 8 slots and the largest node of the pool has 1, so it can never run there.",
    });
    expect(failingOf(told)[0]?.facts).toMatchObject({ requiredSlots: 8, largestNode: 1 });
    expect(told.remedies).toContainEqual({
      text: "End the task",
      operation: "Task_Terminate",
      method: "POST",
      path: "/jobs/large/tasks/t/terminate",
      arguments: { jobId: "large", taskId: "t" },
    });
  });

  test("that all slots are taken, and how many come before it", async () => {
    await addPool("busy");
    await addJob("busy", "busy");
    await addTask("busy", "long", sleeps);
    await inState("busy", "long", "running");
    for (const id of ["a", "b", "c"]) await addTask("busy", id);
    const told = await explain.explain("jobs/busy/tasks/c/");
    expect(told).toMatchObject({
      verdict: "waiting",
      summary: "Every slot of the pool is taken, and it needs 1; 2 tasks of its job come before it.",
    });
    await addJob("urgent", "busy", { priority: 5 });
    await addTask("urgent", "first");
    const later = await explain.explain("jobs/busy/tasks/a/");
    expect(later.summary).toBe(
      "Every slot of the pool is taken, and it needs 1; 1 job of higher priority has 1 task waiting.",
    );
    expect(later.timeline).toMatchObject([{ phase: "waiting", isGoingOn: true }]);
  });

  test("that its pool has no nodes and is to have none, and what gives it some, which then works", async () => {
    await addPool("empty", { targetDedicatedNodes: 0 });
    await until(
      async () => Object((await call("GET", "/pools/empty")).json),
      ({ allocationState }) => allocationState === "steady",
    );
    await addJob("empty", "empty");
    await addTask("empty", "t");
    const told = await explain.untilFails("jobs/empty/tasks/t/", "poolHasNodes");
    expect(told).toMatchObject({ verdict: "stuck", summary: "The pool empty has no nodes, and it is to have none." });
    const [remedy] = told.remedies;
    expect(remedy).toMatchObject({ operation: "Pool_Resize" });
    await send(String(remedy?.method), String(remedy?.path), remedy?.body);
    expect(await inState("empty", "t", "completed")).toMatchObject({ executionInfo: { result: "success" } });
  });

  test("that its pool is gone", async () => {
    await addPool("gone", { targetDedicatedNodes: 0 });
    await addJob("gone", "gone");
    await addTask("gone", "t");
    await send("DELETE", "/pools/gone");
    const told = await explain.untilFails("jobs/gone/tasks/t/", "poolExists");
    expect(told).toMatchObject({ verdict: "stuck", summary: "There is no pool gone." });
  });

  test("for which tasks it waits, and which of them leaves it waiting for ever", async () => {
    await addJob("tree", "empty", { usesTaskDependencies: true });
    await addTask("tree", "fails", { commandLine: "/bin/false" });
    await addTask("tree", "waits", { requiredSlots: 9 });
    await inState("tree", "fails", "completed");
    await addTask("tree", "child", { dependsOn: { taskIds: ["waits"] } });
    expect(await explain.explain("jobs/tree/tasks/child/")).toMatchObject({
      verdict: "waiting",
      summary: "It waits for 1 of 1 task: waits.",
    });
    await addTask("tree", "blocked", { dependsOn: { taskIds: ["waits", "fails"] } });
    const told = await explain.explain("jobs/tree/tasks/blocked/");
    expect(told).toMatchObject({
      verdict: "stuck",
      summary:
        "It waits for 2 of 2 tasks: fails and waits; fails has ended without satisfying it, so it waits for ever.",
    });
    expect(told.remedies[0]).toMatchObject({ operation: "Task_Reactivate", path: "/jobs/tree/tasks/fails/reactivate" });
  });

  test("that its job is disabled, and that the job has as many tasks running as it may", async () => {
    await addPool("two", { taskSlotsPerNode: 4 });
    await addJob("limited", "two", { maxParallelTasks: 1 });
    await addTask("limited", "long", sleeps);
    await inState("limited", "long", "running");
    await addTask("limited", "t");
    expect(await explain.explain("jobs/limited/tasks/t/")).toMatchObject({
      verdict: "waiting",
      summary: "1 task of the job runs, and it may have 1 at a time.",
    });
    await send("POST", "/jobs/limited/disable", { disableTasks: "requeue" });
    const told = await explain.untilFails("jobs/limited/tasks/t/", "jobActive");
    expect(told.verdict).toBe("stuck");
    expect(told.summary).toMatch(/^The job limited is disabl(ing|ed)\.$/);
    expect(told.remedies[0]).toMatchObject({ operation: "Job_Enable", path: "/jobs/limited/enable" });
  });

  test("that the start task of the only node has failed", async () => {
    await addPool("unready", { startTask: { commandLine: "/bin/sh -c 'exit 3'", waitForSuccess: true } });
    await nodeIn("unready", "starttaskfailed");
    await addJob("unready", "unready");
    await addTask("unready", "t");
    const told = await explain.explain("jobs/unready/tasks/t/");
    expect(told).toMatchObject({
      verdict: "stuck",
      summary: "No node of the pool unready takes tasks: 1 has a failed start task.",
    });
  });

  test("that the job's preparation has failed on every node, and why", async () => {
    await addPool("unprepared");
    await addJob("unprepared", "unprepared", { jobPreparationTask: { commandLine: "/bin/sh -c 'exit 4'" } });
    await addTask("unprepared", "t");
    const told = await explain.untilFails("jobs/unprepared/tasks/t/", "nodePrepared");
    await until(
      () => explain.explain("jobs/unprepared/tasks/t/"),
      ({ verdict }) => verdict === "stuck",
    );
    expect(told.kind).toBe("task");
    expect((await explain.explain("jobs/unprepared/tasks/t/")).summary).toBe(
      "The job's preparation task has failed on the only node that could run it: The task exited with code 4.",
    );
  });

  test("that it needs several nodes at once and the pool can never give them", async () => {
    await addJob("gang", "one");
    await addTask("gang", "t", {
      multiInstanceSettings: { numberOfInstances: 2, coordinationCommandLine: "/bin/true" },
    });
    expect(await explain.explain("jobs/gang/tasks/t/")).toMatchObject({
      verdict: "stuck",
      summary:
        "It needs 2 nodes at once, and the pool has no inter-node communication with one slot for each node, so it can never run there.",
    });
  });
});

describe("a task that has run is told", () => {
  test("how it failed, with the last lines, how many fail alike, and what usually helps", async () => {
    await addJob("fails", "one");
    const commandLine = "/bin/sh -c 'echo working; echo no such command >&2; exit 127'";
    for (const id of ["a", "b", "c"]) await addTask("fails", id, { commandLine });
    await addTask("fails", "other", { commandLine: "/bin/false" });
    for (const id of ["a", "b", "c", "other"]) await inState("fails", id, "completed");
    const told = await explain.explain("jobs/fails/tasks/b/");
    expect(told).toMatchObject({
      verdict: "failed",
      summary:
        "It has failed with FailureExitCode: The task exited with code 127; 2 other tasks of the job failed in the same way.",
      failure: {
        category: "UserError",
        code: "FailureExitCode",
        exitCode: 127,
        alike: 2,
        lookedAt: 4,
        logs: [
          { file: "stderr.txt", text: "no such command" },
          { file: "stdout.txt", text: "working" },
        ],
        advice: ["The shell did not find the command: give its path, or install it on the node"],
      },
    });
    expect(told.remedies).toMatchObject([{ operation: "Task_Reactivate" }]);
  });

  test("where its time went", async () => {
    await addJob("timed", "one");
    await addTask("timed", "t", { commandLine: "/bin/sh -c 'exit 1'", constraints: { maxTaskRetryCount: 1 } });
    await inState("timed", "t", "completed");
    const { summary, timeline = [] } = await explain.explain("jobs/timed/tasks/t/");
    expect(summary).toMatch(/^It has failed after 1 retry with FailureExitCode/);
    expect(timeline.map(({ phase }) => phase)).toEqual(["waiting", "earlierRuns", "running"]);
    expect(timeline.every(({ isGoingOn }) => !isGoingOn)).toBe(true);
  });

  test("that it runs, and where", async () => {
    await addPool("runs");
    const node = await nodeIn("runs", "idle");
    await addJob("runs", "runs");
    await addTask("runs", "t", sleeps);
    await inState("runs", "t", "running");
    const told = await explain.explain("jobs/runs/tasks/t/");
    expect(told.verdict).toBe("fine");
    expect(told.summary).toMatch(new RegExp(`^It has run for \\d+ s on the node ${node}\\.$`));
  });
});

test("what is not there is not explained", async () => {
  expect(await call("GET", "/kyanite/jobs/none/tasks/t/explanation")).toMatchObject({ status: 404 });
  expect(await call("GET", "/kyanite/jobs/gang/tasks/none/explanation")).toMatchObject({ status: 404 });
  expect(await call("GET", "/kyanite/jobs/gang/tasks/t/explanation", { version: "2018-12-01.8.0" })).toMatchObject({
    status: 200,
  });
});
