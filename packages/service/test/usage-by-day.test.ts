import { aPool, movableClock, rawClient, runningService, until } from "@kyanite/testkit";
import { expect, test } from "vitest";
import { scriptedAgent, scriptedNodes } from "./scripted-agent.ts";

const dayMilliseconds = 86_400_000;

test("a run over midnight counts on both days, exactly, however often its end is reported", async () => {
  const clock = movableClock();
  const midnight = new Date(Math.ceil((clock.now().getTime() + 120_000) / dayMilliseconds) * dayMilliseconds);
  clock.advance((midnight.getTime() - clock.now().getTime()) / 1000 - 60);
  const { provider, first } = scriptedNodes();
  await using service = await runningService({ clock, provider, settings: { nodeSilentSeconds: 3_600 } });
  const raw = rawClient(service);
  const call = async (method: string, path: string, body?: object, query = {}) => {
    const headers = { "ocp-date": clock.now().toUTCString() };
    const { status, text } = await raw(method, path, { headers, query, ...(body && { body }) });
    if (status >= 300) throw new Error(`${status} ${text}`);
    return text === "" ? {} : JSON.parse(text);
  };
  await call("POST", "/pools", aPool("pool", { taskSlotsPerNode: 4 }));
  await call("POST", "/jobs", { id: "job", poolInfo: { poolId: "pool" } });
  await call("POST", "/jobs/job/tasks", { id: "t", commandLine: "true", requiredSlots: 2 });
  const agent = await scriptedAgent(service.url, await first());
  const { runId } = await agent.run();
  clock.advance(90);
  const at = (seconds: number) => new Date(midnight.getTime() + 1000 * seconds).toISOString();
  const cpu = { source: "controlGroup", userSeconds: 6, kernelSeconds: 3 };
  const exit = { kind: "exited", exitCode: 0, use: { cpu } };
  const report = { type: "finished", runId, startTime: at(-20), endTime: at(10), exit };
  agent.say(report, report);
  await agent.whenAcknowledged(runId);
  agent.say(report);
  const { groups } = await until(
    () => call("GET", "/kyanite/usage", undefined, { groupby: "day,job" }),
    (usage) => usage.groups.length === 4,
  );
  const day = (seconds: number) => at(seconds).slice(0, 10);
  // Half of the node's two cores.
  expect(groups.filter(({ jobId }: { jobId?: string }) => jobId === "job")).toMatchObject([
    { day: day(-1), taskCoreSeconds: 20, runSeconds: 20, taskCPUSeconds: 6, succeededTasks: "0" },
    { day: day(1), taskCoreSeconds: 10, runSeconds: 10, taskCPUSeconds: 3, succeededTasks: "1" },
  ]);
  const nodes = groups.filter(({ jobId }: { jobId?: string }) => jobId === undefined);
  expect(nodes.map((each: { day: string }) => each.day)).toEqual([day(-1), day(1)]);
  agent.close();
});

test.each([
  ["a negative amount", { cpu: { source: "controlGroup", userSeconds: -1, kernelSeconds: 0 } }],
  [
    "more than can be",
    { io: { source: "processes", readBytes: 1e300, writeBytes: 0, readOperations: 0, writeOperations: 0 } },
  ],
  ["a text", { memory: { source: "processes", peakBytes: "much" } }],
])("a report of %s is not recorded, and its run is lost", async (_, use) => {
  const { provider, first } = scriptedNodes();
  await using service = await runningService({ provider, settings: { nodeSilentSeconds: 3_600 } });
  const raw = rawClient(service);
  await raw("POST", "/pools", { body: aPool("pool") });
  await raw("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
  await raw("POST", "/jobs/job/tasks", { body: { id: "t", commandLine: "true" } });
  const agent = await scriptedAgent(service.url, await first());
  const { runId } = await agent.run();
  const now = new Date().toISOString();
  agent.say({ type: "finished", runId, startTime: now, endTime: now, exit: { kind: "exited", exitCode: 0, use } });
  const second = await agent.run(2);
  expect(second.runId).not.toBe(runId);
  agent.close();
});
