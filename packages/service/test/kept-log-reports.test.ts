import { deflateRawSync } from "node:zlib";
import { mostKeptBytes } from "@kyanite/contract/kept-bounds";
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
let call: RawClient;
let agent: Awaited<ReturnType<typeof scriptedAgent>>;
let runs = 0;

beforeAll(async () => {
  service = await runningService({ provider: nodes.provider });
  call = rawClient(service);
  await batchClient(service).pool.add(aPool("pool"));
  await call("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
  agent = await scriptedAgent(service.url, await nodes.first());
  // So that what is large goes to the database.
  await service.database`update account set storage_account = null`;
}, 60_000);
afterAll(async () => {
  agent.close();
  await service[Symbol.asyncDispose]();
});

const time = new Date().toISOString();

/** What an agent says of a file of a run, unless told otherwise. */
function aFile(text: string, more: object = {}) {
  const content = Buffer.from(text);
  const facts = { path: "stdout.txt", missingBytes: 0, lastModified: time, isDeflated: false };
  return {
    ...facts,
    sizeBytes: content.length,
    contentBytes: content.length,
    content: content.toString("base64"),
    ...more,
  };
}

/** Ends a new task's run with these files; answers the run's id when that is recorded. */
async function endWith(taskId: string, kept: unknown) {
  await call("POST", "/jobs/job/tasks", { body: { id: taskId, commandLine: "true" } });
  const { runId, keeping } = await agent.run(++runs);
  expect(keeping).toEqual({ runs: "all", mostBytes: 65_536, filePaths: [] });
  const exit = { kind: "exited", exitCode: 0 };
  agent.say({ type: "finished", runId, startTime: time, endTime: time, exit, kept });
  await agent.whenAcknowledged(runId);
  const task = await until(
    async () => Object((await call("GET", `/jobs/job/tasks/${taskId}`)).json),
    ({ state }) => state === "completed",
  );
  expect(task.executionInfo).toMatchObject({ result: "success", exitCode: 0, requeueCount: 0 });
  return runId;
}

const read = (taskId: string, runId: string, path = "stdout.txt") =>
  call("GET", `/kyanite/jobs/job/tasks/${taskId}/runs/${runId}/files/${path}`);

/** Sends a file as an agent does; answers the status. */
async function send(runId: string, number: number, content: Buffer, more: Record<string, string> = {}) {
  const { nodeId, token } = await nodes.first();
  const headers = { authorization: `Bearer ${token}`, "x-kyanite-node": nodeId, ...more };
  const body = new Uint8Array(content);
  const { status } = await fetch(`${service.url}/agent/kept/${runId}/${number}`, { method: "POST", headers, body });
  return status;
}

test.each([
  ["is too large", "large", [aFile("x".repeat(8_000))]],
  ["is no base64", "base64", [aFile("x", { content: "%%%" })]],
  ["has a length that it has not", "length", [aFile("x", { contentBytes: 5 })]],
  ["is not one that was asked for", "other", [aFile("x", { path: "../../../etc/shadow" })]],
  ["has a name that the database cannot keep", "name", [aFile("x", { path: "a\u0000b" })]],
  ["is half a character", "half", [aFile("x", { path: "\ud800" })]],
  ["is one of very many", "many", Array.from({ length: 100 }, () => aFile("x"))],
  ["is nothing", "nothing", "nonsense"],
])("a file that %s is not kept, and the end of its run counts", async (_, taskId, kept) => {
  const runId = await endWith(taskId, kept);
  expect(await read(taskId, runId)).toMatchObject({ status: 404 });
});

test("what is not really deflated, or would be far too much, is not shown", async () => {
  const bomb = deflateRawSync(Buffer.alloc(5_000_000), { level: 9 }).subarray(0, 4_096);
  const isDeflated = true;
  const wrong = await endWith("wrong", [aFile("no such thing", { isDeflated })]);
  expect(await read("wrong", wrong)).toMatchObject({ status: 404 });
  const large = await endWith("bomb", [
    aFile("", { isDeflated, contentBytes: 1_000, content: bomb.toString("base64") }),
  ]);
  expect(await read("bomb", large)).toMatchObject({ status: 404 });
});

test("a file that follows its report is taken from its node only, once, and as it was announced", async () => {
  const content = Buffer.from("0123456789".repeat(1_000));
  const { content: _, ...announced } = aFile(content.toString());
  const runId = await endWith("later", [announced, aFile("small", { path: "stderr.txt" })]);
  expect(await read("later", runId)).toMatchObject({ status: 404 });
  expect((await read("later", runId, "stderr.txt")).text).toBe("small");
  expect(await send(runId, 0, content, { authorization: "Bearer wrong" })).toBe(401);
  expect(await send(runId, 1, content)).toBe(404);
  expect(await send("00000000-0000-4000-8000-000000000000", 0, content)).toBe(404);
  expect(await send(runId, 0, content.subarray(1))).toBe(400);
  expect(await send(runId, 0, content)).toBe(204);
  expect(await send(runId, 0, Buffer.alloc(content.length))).toBe(204);
  expect((await read("later", runId)).text).toBe(content.toString());
  const [size] = await service.database<{ bytes: number }[]>`select bytes from past_run where run_id = ${runId}`;
  expect(size?.bytes).toBeGreaterThan(content.length);
});

test("a file that is larger than any that is kept is refused", async () => {
  const { content: _, ...announced } = aFile("x".repeat(10_000));
  const runId = await endWith("refused", [announced]);
  expect(await send(runId, 0, Buffer.alloc(mostKeptBytes + 1))).toBe(413);
  expect(await read("refused", runId)).toMatchObject({ status: 404 });
});
