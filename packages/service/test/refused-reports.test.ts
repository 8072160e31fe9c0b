import type { BatchServiceClient } from "@azure/batch";
import {
  aPool,
  batchClient,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { scriptedAgent, scriptedNodes } from "./scripted-agent.ts";

vi.setConfig({ testTimeout: 60_000 });

const nodes = scriptedNodes();
let service: RunningService;
let client: BatchServiceClient;
let call: RawClient;
let agent: Awaited<ReturnType<typeof scriptedAgent>>;

beforeAll(async () => {
  service = await runningService({ provider: nodes.provider, expectsErrors: [/runs could not be recorded/] });
  client = batchClient(service);
  call = rawClient(service);
  await client.pool.add(aPool("pool"));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  agent = await scriptedAgent(service.url, await nodes.first());
});
afterAll(async () => {
  agent.close();
  await service[Symbol.asyncDispose]();
});

const time = new Date().toISOString();
const end = (runId: string, exit: object) => ({ type: "finished", runId, startTime: time, endTime: time, exit });
const success = { kind: "exited", exitCode: 0 };
let runs = 0;

/** A task's run, as the agent gets it. */
async function runOf(taskId: string) {
  await client.task.add("job", { id: taskId, commandLine: "true" });
  return agent.run(++runs);
}

const completed = (taskId: string) =>
  until(
    () => client.task.get("job", taskId),
    ({ state }) => state === "completed",
  );

const failure = { category: "ServerError", code: "Unknown", message: "\u0000", details: [] };

test.each([
  ["has no exit code", "no-code", { kind: "exited", exitCode: null }],
  ["has an exit code that no system has", "no-system", { kind: "exited", exitCode: 2 ** 40 }],
  ["has a kind that nobody knows", "no-kind", { kind: "vanished" }],
  ["the database cannot keep", "no-text", { kind: "failed", failure }],
])("a run whose end %s is lost, and its task runs again", async (_, taskId, exit) => {
  const { runId } = await runOf(taskId);
  agent.say(end(runId, exit));
  await agent.whenAcknowledged(runId);
  const again = await agent.run(++runs);
  expect(again).toMatchObject({ taskId });
  expect(again.runId).not.toBe(runId);
  agent.say(end(again.runId, success));
  expect((await completed(taskId)).executionInfo).toMatchObject({ result: "success", retryCount: 0, requeueCount: 0 });
  expect(agent.isOpen()).toBe(true);
});

test("the reports that come with one that is refused count", async () => {
  const { runId } = await runOf("beside");
  agent.say({ type: "nonsense" }, null, end("no id of a run", success), end(runId, success));
  await agent.whenAcknowledged("no id of a run");
  await agent.whenAcknowledged(runId);
  expect((await completed("beside")).executionInfo).toMatchObject({ result: "success" });
  expect(agent.isOpen()).toBe(true);
});

const step = (more: object = {}) => ({ name: "downloads", startTime: time, endTime: later(42), ...more });
const later = (seconds: number) => new Date(Date.parse(time) + 1000 * seconds).toISOString();
const runsOf = async (taskId: string) =>
  Object((await call("GET", `/kyanite/jobs/job/tasks/${taskId}/runs`)).json).value;

test.each([
  ["moves less than nothing", "negative", [step({ bytes: -1 })]],
  ["moves half a byte", "half", [step({ bytes: 0.5 })]],
  ["moves what is no number", "nan", [step({ bytes: Number.NaN })]],
  ["moves more than can be counted", "huge", [step({ bytes: 1e300 })]],
  ["has a name that nobody knows", "name", [step({ name: "rest" })]],
  ["has no times", "no-times", [{ name: "downloads" }]],
  ["ends at a time that there is not", "leap", [step({ endTime: "2026-12-31T23:59:60Z" })]],
  ["ends before it begins", "backwards", [step({ endTime: later(-42) })]],
  ["is one of very many", "many", Array.from({ length: 17 }, () => step())],
  ["is nothing", "nothing", "nonsense"],
])("a step that %s is not remembered, and the end of its run counts", async (_, taskId, steps) => {
  const { runId } = await runOf(taskId);
  agent.say({ ...end(runId, success), steps });
  expect((await completed(taskId)).executionInfo).toMatchObject({ result: "success", requeueCount: 0 });
  expect(await runsOf(taskId)).toEqual([expect.not.objectContaining({ steps: expect.anything() })]);
});

test("the steps of a run that succeeded without a word are shown, and explained", async () => {
  const { runId } = await runOf("staged");
  const steps = [step({ bytes: 1_218_000_000 }), { name: "command", startTime: later(42), endTime: later(60) }];
  agent.say({ ...end(runId, success), endTime: later(60), steps });
  await completed("staged");
  expect(await runsOf("staged")).toMatchObject([
    { id: runId, outcome: "success", steps: [{ name: "downloads", bytes: "1218000000" }, { name: "command" }] },
  ]);
  const { json } = await call("GET", "/kyanite/jobs/job/tasks/staged/explanation");
  expect(json).toMatchObject({
    summary: "It has ended successfully; resource files took 42 s of 60 s: 1.2 GB at 29 MB/s.",
    timeline: [
      { phase: "waiting" },
      {
        text: "It ran for 60 s: resource files 42 s (1.2 GB at 29 MB/s), the command 18 s",
        steps: [
          { step: "downloads", bytesPerSecond: 29_000_000 },
          { step: "command", seconds: 18 },
        ],
      },
    ],
  });
});

test("the steps of a run that was ended by request come with its report", async () => {
  const { runId } = await runOf("ended");
  expect((await call("POST", "/jobs/job/tasks/ended/terminate")).status).toBe(204);
  await completed("ended");
  expect(await runsOf("ended")).toMatchObject([{ id: runId, outcome: "interrupted" }]);
  agent.say({ ...end(runId, { kind: "ended", reason: "cancelled" }), steps: [step({ bytes: 5 })] });
  const [run] = await until(
    () => runsOf("ended"),
    ([found]) => found.steps !== undefined,
  );
  expect(run).toMatchObject({ steps: [{ name: "downloads", bytes: "5" }] });
});

test("a task whose runs are lost again and again fails, and says so", async () => {
  await client.task.add("job", { id: "hopeless", commandLine: "true" });
  for (let tries = 0; tries <= 10; tries++) {
    const { runId } = await agent.run(++runs);
    agent.say(end(runId, { kind: "exited", exitCode: "none" }));
  }
  expect((await completed("hopeless")).executionInfo).toMatchObject({
    result: "failure",
    failureInfo: { category: "ServerError", code: "MaxInternalRetryCountReached" },
  });
});
