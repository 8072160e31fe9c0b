import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { aPool, type RawClient, type RunningService, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Events, followEvents, followRaw } from "./following.ts";

/** The host of all nodes is connected to the first, and the second knows of it by their database only. */
let home: RunningService;
let other: RunningService;
let call: RawClient;

beforeAll(async () => {
  home = await runningService();
  other = await runningService({ address: home.address, provider: home.service.provider });
  call = rawClient(home);
  await call("POST", "/pools", { body: { ...aPool("pool"), taskSlotsPerNode: 8 } });
  await call("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
}, 90_000);
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const taskOf = (id: string) => `/jobs/job/tasks/${id}`;
const out = (id: string) => `${taskOf(id)}/files/stdout.txt?follow=true`;

async function add(id: string, script: string, more: object = {}) {
  const body = { id, commandLine: `/bin/sh -c '${script}'`, ...more };
  expect(await call("POST", "/jobs/job/tasks", { body })).toMatchObject({ status: 201 });
}

const stateOf = async (id: string) => Object((await call("GET", taskOf(id))).json);
const completed = (id: string) =>
  until(
    () => stateOf(id),
    ({ state }) => state === "completed",
    60,
  );
const running = (id: string) =>
  until(
    () => stateOf(id),
    ({ state }) => state === "running",
    60,
  );

/** Lets a task's script go on that waits for a file in its working directory. */
async function go(id: string, name = "go") {
  const { nodeInfo } = await running(id);
  await writeFile(join(home.nodesDirectory, nodeInfo.nodeId, "root/workitems/job/job-1", id, "wd", name), "");
}
const waitFor = (name = "go") => `until test -e ${name}; do sleep 0.02; done`;

const text = ({ lines }: Events) => lines().map(({ line }) => line);

describe.each([
  ["its node's server", () => home],
  ["another server", () => other],
])("asked of %s,", (where, server) => {
  const name = where.startsWith("its") ? "here" : "there";

  test("a task's output comes as it is written, from before it begins until it has ended", async () => {
    const id = `written-${name}`;
    await add(id, `echo one; ${waitFor()}; echo two; exit 3`);
    const followed = await followRaw(server(), out(id));
    await followed.comes("one\n");
    await go(id);
    await followed.ended;
    expect(followed.text()).toBe("one\ntwo\n");
    expect(followed.trailers()).toMatchObject({ "kyanite-follow-end": "taskCompleted", "kyanite-exit-code": "3" });
  });

  test("two files of a task come in one stream of events, line by line", async () => {
    const id = `files-${name}`;
    await add(id, `echo out; echo err >&2; ${waitFor()}; printf "\\\\377\\n"; printf rest`);
    const followed = await followEvents(server(), `/kyanite${taskOf(id)}/logs?follow=true`);
    await until(
      async () => text(followed).length,
      (count) => count === 2,
    );
    await go(id);
    await followed.ended;
    const lines = followed.lines();
    expect(lines.filter(({ file }) => file === "stderr.txt")).toMatchObject([{ line: "err", offset: 0, run: 1 }]);
    expect(lines.filter(({ file }) => file === "stdout.txt")).toMatchObject([
      { line: "out", offset: 0 },
      { base64: Buffer.from([255]).toString("base64"), offset: 4 },
      { line: "rest", offset: 6, partial: true },
    ]);
    expect(followed.events().at(-1)).toMatchObject({ event: "end", data: { reason: "taskCompleted", exitCode: 0 } });
  });
});

test("a client that comes back gets what is left, nothing twice and nothing missed", async () => {
  await add("resumed", `for n in 1 2 3 4 5; do echo $n; done; ${waitFor()}; for n in 6 7 8 9; do echo $n; done`);
  const first = await followEvents(home, out("resumed"));
  await until(
    async () => text(first).length,
    (count) => count === 5,
  );
  first.leave();
  const lastEventId = first.events().at(-3)?.id ?? "";
  const again = await followEvents(other, out("resumed"), { lastEventId });
  await go("resumed");
  await again.ended;
  expect(text(again)).toEqual(["4", "5", "6", "7", "8", "9"]);
});

test("the next runs are followed when that is asked for, each said to be another", async () => {
  const script = `echo run; ${waitFor()}; rm go; exit 1`;
  await add("retried", script, { constraints: { maxTaskRetryCount: 1 } });
  const followed = await followEvents(home, `${out("retried")}&retries=true`);
  const once = await followEvents(home, out("retried"));
  await until(
    async () => text(followed).length,
    (count) => count === 1,
  );
  await go("retried");
  await until(
    async () => text(followed).length,
    (count) => count === 2,
    30,
  );
  await once.ended;
  expect(text(once)).toEqual(["run"]);
  expect(once.events().at(-1)).toMatchObject({ event: "end", data: { reason: "taskRetried" } });
  await go("retried");
  await followed.ended;
  expect(followed.events().map(({ event, data }) => [event, data.run ?? data.reason])).toEqual([
    ["run", 1],
    ["line", 1],
    ["runEnd", 1],
    ["run", 2],
    ["line", 2],
    ["end", "taskCompleted"],
  ]);
  expect(followed.events().find(({ event }) => event === "runEnd")?.data).toMatchObject({
    reason: "taskRetried",
    exitCode: 1,
    isComplete: true,
  });
});

test("a task that has completed is read to its end, from where it is asked to be", async () => {
  await add("done", "printf 0123456789");
  await completed("done");
  const whole = await followRaw(home, out("done"));
  await whole.ended;
  expect(whole.text()).toBe("0123456789");
  expect(whole.trailers()).toMatchObject({ "kyanite-follow-end": "taskCompleted", "kyanite-exit-code": "0" });
  const part = await followRaw(home, out("done"), { headers: { "ocp-range": "bytes=4-" } });
  await part.ended;
  expect(part.text()).toBe("456789");
  const tail = await followRaw(home, `${out("done")}&tail=3`);
  await tail.ended;
  expect(tail.text()).toBe("789");
  expect(await call("GET", `${taskOf("done")}/files/stdout.txt`, { query: { tail: 3 } })).toMatchObject({
    text: "789",
  });
  expect(await call("GET", `${taskOf("done")}/files/none?follow=true`)).toMatchObject({ status: 404 });
});

test("a file that a task replaces by a link to a secret ends, and nothing of the secret is sent", async () => {
  const secret = join(home.nodesDirectory, "..", "secret");
  await writeFile(secret, "a secret that is longer than what was there");
  await add("links", `echo text > out; ${waitFor()}; ln -sf ${secret} out; ${waitFor("end")}`);
  await running("links");
  const followed = await followRaw(home, `${taskOf("links")}/files/wd/out?follow=true`);
  await followed.comes("text\n");
  await go("links");
  await followed.ended;
  expect(followed.text()).toBe("text\n");
  expect(followed.trailers()["kyanite-follow-end"]).toMatch(/fileReplaced|fileDeleted/);
  await go("links", "end");
});

test("a file of a node is followed for as long as it is there", async () => {
  await add("node-file", `echo text > $AZ_BATCH_NODE_SHARED_DIR/log; ${waitFor()}; rm $AZ_BATCH_NODE_SHARED_DIR/log`);
  const { nodeInfo } = await running("node-file");
  const path = `/pools/pool/nodes/${nodeInfo.nodeId}/files/shared/log`;
  await until(
    () => call("GET", path),
    ({ status }) => status === 200,
  );
  const followed = await followRaw(other, `${path}?follow=true`);
  await followed.comes("text\n");
  await go("node-file");
  await followed.ended;
  expect(followed.trailers()).toMatchObject({ "kyanite-follow-end": "fileDeleted" });
});

test("a stream ends when its task is deleted", async () => {
  await add("deleted", `echo text; ${waitFor()}`);
  const followed = await followEvents(home, out("deleted"));
  await until(
    async () => text(followed).length,
    (count) => count === 1,
  );
  await call("DELETE", taskOf("deleted"));
  await followed.ended;
  expect(followed.events().at(-1)).toMatchObject({ event: "end", data: { reason: "taskDeleted" } });
});

test.each([
  ["GET", `${taskOf("done")}/files/stdout.txt?follow=maybe`, {}, "InvalidQueryParameterValue"],
  ["HEAD", `${taskOf("done")}/files/stdout.txt?follow=true`, {}, undefined],
  ["GET", `${out("done")}&tail=-1`, {}, "OutOfRangeQueryParameterValue"],
  ["GET", `${out("done")}&tail=x`, {}, "InvalidQueryParameterValue"],
  ["GET", `${out("done")}&tail=3`, { "ocp-range": "bytes=1-" }, "InvalidQueryParameterValue"],
  ["GET", out("done"), { "ocp-range": "bytes=1-3" }, "InvalidHeaderValue"],
  ["GET", `${taskOf("done")}/files/stdout.txt?retries=true`, {}, "InvalidQueryParameterValue"],
  ["GET", out("done"), { accept: "text/event-stream", "last-event-id": "x" }, "InvalidHeaderValue"],
  ["GET", `/kyanite${taskOf("done")}/logs?files=a,a`, {}, "InvalidQueryParameterValue"],
  ["GET", `/kyanite${taskOf("done")}/logs?files=../x`, {}, "InvalidUri"],
])("%s %s with %j is refused", async (method, path, headers, code) => {
  const answer = await call(method, path, { headers });
  expect(answer.status).toBe(400);
  expect(Object(answer.json).code).toBe(code);
});

test("streams end cleanly when the server stops", async () => {
  await add("stopped", `echo text; ${waitFor()}`);
  const followed = await followEvents(other, out("stopped"));
  await until(
    async () => text(followed).length,
    (count) => count === 1,
  );
  await other.restart();
  await followed.ended;
  expect(followed.events().at(-1)).toMatchObject({ event: "end", data: { reason: "serverStopping" } });
  const again = await followEvents(other, out("stopped"), { lastEventId: followed.events().at(-1)?.id ?? "" });
  await go("stopped");
  await again.ended;
  expect(text(again)).toEqual([]);
});
