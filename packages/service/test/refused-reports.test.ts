import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { scriptedAgent, scriptedNodes } from "./scripted-agent.ts";

vi.setConfig({ testTimeout: 60_000 });

const nodes = scriptedNodes();
let service: RunningService;
let client: BatchServiceClient;
let agent: Awaited<ReturnType<typeof scriptedAgent>>;

beforeAll(async () => {
  service = await runningService({ provider: nodes.provider, expectsErrors: [/runs could not be recorded/] });
  client = batchClient(service);
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
