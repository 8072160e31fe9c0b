import { signalProcess } from "@kyanite/runtime";
import {
  agentOfNode,
  aPool,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { followEvents, followRaw } from "./following.ts";

vi.setConfig({ testTimeout: 120_000 });

let service: RunningService;
let call: RawClient;

beforeAll(async () => {
  service = await runningService({ settings: { heartbeatSeconds: 1, nodeSilentSeconds: 3 } });
  call = rawClient(service);
  await call("POST", "/pools", { body: aPool("pool") });
  await call("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
}, 90_000);
afterAll(() => service[Symbol.asyncDispose]());

const add = (id: string, script: string) =>
  call("POST", "/jobs/job/tasks", { body: { id, commandLine: `/bin/sh -c '${script}'` } });
const stateOf = async (id: string) => Object((await call("GET", `/jobs/job/tasks/${id}`)).json);
const runs = (id: string) =>
  until(
    () => stateOf(id),
    ({ state }) => state === "running",
    60,
  );

/** Of a log of 10 GiB, which takes no room: it is a hole with a line at its end. */
const large = 10 * 1024 ** 3;

test("of a log of 10 GiB the end comes at once, and its whole length is held in memory nowhere", async () => {
  await add("large", `truncate -s ${large} log; echo the end >> log; sleep 300`);
  const path = "/jobs/job/tasks/large/files/wd/log?follow=true";
  await until(
    () => call("HEAD", "/jobs/job/tasks/large/files/wd/log"),
    ({ headers }) => Number(headers["content-length"]) > large,
    60,
  );
  const end = await followRaw(service, path, { headers: { "ocp-range": `bytes=${large}-` } });
  await end.comes("the end\n");
  expect(end.text()).toBe("the end\n");
  end.leave();
  const tail = await followEvents(service, `/kyanite/jobs/job/tasks/large/logs?files=wd/log&tail=8&follow=true`);
  await until(
    async () => tail.lines(),
    (lines) => lines.length > 0,
  );
  expect(tail.lines()).toMatchObject([{ offset: large, line: "the end" }]);
  tail.leave();
  const slow = await followRaw(service, path, { headers: { "ocp-range": "bytes=0-" } });
  slow.pause();
  const before = process.memoryUsage().rss;
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  slow.leave();
  await call("POST", "/jobs/job/tasks/large/terminate");
});

test("who follows a task whose node is lost is told so, and on request goes on with its next run", async () => {
  await add("lost", "echo from $AZ_BATCH_NODE_ID; sleep 300");
  const { nodeInfo } = await runs("lost");
  const once = await followEvents(service, "/kyanite/jobs/job/tasks/lost/logs?follow=true");
  const over = await followEvents(service, "/kyanite/jobs/job/tasks/lost/logs?follow=true&retries=true");
  for (const each of [once, over])
    await until(
      async () => each.lines(),
      (lines) => lines.length === 1,
    );
  const agent = await agentOfNode(service.nodesDirectory, nodeInfo.nodeId);
  if (!agent) throw new Error("no agent");
  signalProcess(agent, "SIGSTOP");
  await once.ended;
  expect(once.events().at(-1)).toMatchObject({ event: "end", data: { reason: "nodeLost" } });
  signalProcess(agent, "SIGCONT");
  await until(
    async () => over.lines(),
    (lines) => lines.length === 2,
    60,
  );
  expect(over.lines().map(({ run }) => run)).toEqual([1, 2]);
  await call("DELETE", "/jobs/job");
  await over.ended;
});
