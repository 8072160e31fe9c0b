import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  aPool,
  batchClient,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readLastLines } from "../src/http/operations/last-lines.ts";
import { readExistingTask } from "../src/lifecycle/existing.ts";
import { storageAccounts } from "../src/storage-accounts.ts";
import { readAccount } from "../src/store/accounts.ts";
import { type Events, followEvents } from "./http/following.ts";

vi.setConfig({ testTimeout: 120_000 });

const isRoot = process.getuid?.() === 0;
let service: RunningService;
let call: RawClient;
let pools = 0;
const secret = join("/tmp", `kyanite-secret-${process.pid}`);

beforeAll(async () => {
  service = await runningService();
  call = rawClient(service);
  await writeFile(secret, "nobody's business", { mode: 0o600 });
}, 120_000);
afterAll(async () => {
  await rm(secret, { force: true });
  await service[Symbol.asyncDispose]();
});

/** A job with a pool of its own, of one node. */
async function aJob() {
  pools += 1;
  const id = `kept-${pools}`;
  await call("POST", "/pools", { body: aPool(id) });
  await call("POST", "/jobs", { body: { id, poolInfo: { poolId: id } } });
  return id;
}

async function completed(job: string, task: string) {
  return until(
    async () => Object((await call("GET", `/jobs/${job}/tasks/${task}`)).json),
    ({ state }) => state === "completed",
    90,
  );
}

async function run(job: string, id: string, script: string, more: object = {}) {
  const added = await call("POST", `/jobs/${job}/tasks`, {
    body: { id, commandLine: `/bin/sh -c '${script}'`, ...more },
  });
  expect(added.status).toBe(201);
  return completed(job, id);
}

/** Takes the nodes of a job's pool away, and waits until nothing is left of them. */
async function loseNodes(job: string) {
  await call("POST", `/pools/${job}/resize`, { body: { targetDedicatedNodes: 0 } });
  await until(
    async () => Object((await call("GET", `/pools/${job}/nodes`)).json).value,
    (nodes) => nodes.length === 0,
    90,
  );
}

const file = (job: string, task: string, path: string) => `/jobs/${job}/tasks/${task}/files/${path}`;
const runsOf = async (job: string, task: string) =>
  Object((await call("GET", `/kyanite/jobs/${job}/tasks/${task}/runs`)).json).value;

/** Files that did not fit into a report come a little later. */
const whenKept = (path: string) =>
  until(
    () => call("GET", path),
    ({ status }) => status === 200,
    60,
  );

describe("when the node is gone", () => {
  test("its log is read as a stream of events as well, alone and among those of its job", async () => {
    const job = await aJob();
    await run(job, "task", "echo hello; echo again; echo oh >&2");
    await run(job, "quiet", "echo only here");
    await loseNodes(job);
    const lines = [
      { file: "stderr.txt", offset: 0, line: "oh" },
      { file: "stdout.txt", offset: 0, line: "hello" },
      { file: "stdout.txt", offset: 6, line: "again" },
    ];
    // Of different files the lines come in any order.
    const linesOf = (stream: Events) =>
      stream.lines().toSorted((one, other) => String(one.file).localeCompare(String(other.file)));
    const task = await followEvents(service, `/kyanite/jobs/${job}/tasks/task/logs?follow=true`);
    await task.ended;
    expect(task.events()[0]).toMatchObject({ event: "run", data: { run: 1, kept: true } });
    expect(linesOf(task)).toMatchObject(lines);
    expect(task.events().at(-1)).toMatchObject({ event: "end", data: { reason: "taskCompleted", exitCode: 0 } });
    const alone = await followEvents(service, `${file(job, "task", "stdout.txt")}?follow=true&tail=6`);
    await alone.ended;
    expect(alone.lines()).toMatchObject([{ line: "again" }]);
    const first = alone.events().find(({ event }) => event === "run");
    const resumed = await followEvents(service, `${file(job, "task", "stdout.txt")}?follow=true`, {
      lastEventId: first?.id ?? "",
    });
    await resumed.ended;
    expect(resumed.lines()).toMatchObject([{ line: "hello" }, { line: "again" }]);
    const all = await followEvents(service, `/kyanite/jobs/${job}/logs`);
    await all.ended;
    expect(linesOf(all).filter(({ taskId }) => taskId === "task")).toMatchObject(lines);
    const quiet = await followEvents(service, `/kyanite/jobs/${job}/tasks/quiet/logs`);
    await quiet.ended;
    expect(quiet.lines()).toMatchObject([{ file: "stdout.txt", line: "only here" }]);
    const none = await call("GET", `/kyanite/jobs/${job}/tasks/task/logs`, { query: { files: "none.txt" } });
    expect(none).toMatchObject({ status: 409, json: { code: "TaskFilesUnavailable" } });
  });

  test("what a task has written is still there, and said to be kept", async () => {
    const job = await aJob();
    await run(job, "task", "echo hello; echo oh >&2");
    const live = await call("GET", file(job, "task", "stdout.txt"));
    expect(live.text).toBe("hello\n");
    expect(live.headers).not.toHaveProperty("kyanite-kept");
    await loseNodes(job);
    const [{ id }] = await runsOf(job, "task");
    const kept = await call("GET", file(job, "task", "stdout.txt"));
    expect(kept).toMatchObject({
      status: 200,
      text: "hello\n",
      headers: { "kyanite-kept": "true", "kyanite-kept-run": id, "kyanite-kept-missing": "0", "content-length": "6" },
    });
    for (const name of ["last-modified", "content-type", "ocp-batch-file-url"])
      expect([name, kept.headers[name]]).toEqual([name, live.headers[name]]);
    expect(await call("GET", file(job, "task", "stderr.txt"))).toMatchObject({ status: 200, text: "oh\n" });
    expect(await call("HEAD", file(job, "task", "stdout.txt"))).toMatchObject({
      status: 200,
      headers: { "content-length": "6", "kyanite-kept": "true" },
    });
    const range = { headers: { "ocp-range": "bytes=1-3" } };
    expect((await call("GET", file(job, "task", "stdout.txt"), range)).text).toBe("ell");
    const beyond = { headers: { "ocp-range": "bytes=6-" } };
    expect(await call("GET", file(job, "task", "stdout.txt"), beyond)).toMatchObject({ status: 416 });
    const account = await readAccount(service.database, service.account.name);
    if (!account) throw new Error("there is no account");
    const lines = await readLastLines(
      {
        database: service.database,
        storage: storageAccounts([service.storage]),
        nodeFiles: { request: async () => Promise.reject(new Error("no node is there to be asked")) },
      },
      await readExistingTask(service.database, account, { jobId: job, taskId: "task" }),
      { path: "stderr.txt", lines: 5, signal: new AbortController().signal },
    );
    expect(lines).toEqual(["oh"]);
    const since = { headers: { "if-modified-since": new Date(Date.now() + 60_000).toUTCString() } };
    expect(await call("GET", file(job, "task", "stdout.txt"), since)).toMatchObject({ status: 304 });
    expect(await call("GET", file(job, "task", "none.txt"))).toMatchObject({
      status: 409,
      json: { code: "TaskFilesUnavailable" },
    });
    const list = await call("GET", `/jobs/${job}/tasks/task/files`);
    expect(Object(list.json).value.map(({ name }: { name: string }) => name)).toEqual(["stderr.txt", "stdout.txt"]);
    expect(list.headers).toMatchObject({ "kyanite-kept": "true" });
  });

  test("the official client reads it as if the node were there", async () => {
    const job = await aJob();
    await run(job, "task", "echo hello");
    await loseNodes(job);
    const { readableStreamBody } = await batchClient(service).file.getFromTask(job, "task", "stdout.txt");
    const parts: string[] = [];
    for await (const part of readableStreamBody ?? []) parts.push(String(part));
    expect(parts.join("")).toBe("hello\n");
  });

  test("a task that has written nothing has nothing", async () => {
    const job = await aJob();
    await run(job, "task", "true");
    await loseNodes(job);
    expect(await call("GET", file(job, "task", "stdout.txt"))).toMatchObject({ status: 409 });
    expect(await runsOf(job, "task")).toMatchObject([{ outcome: "success", exitCode: 0 }]);
    expect([
      ...(await service.database`select from past_run r join task t on t.pk = r.task_pk
      join job j on j.pk = t.job_pk where j.id = ${job}`),
    ]).toEqual([]);
  });

  test("of a large log the beginning and the end are there, and between them how much is missing", async () => {
    const job = await aJob();
    const script = "echo first; head -c 10000000 /dev/urandom | base64 -w 99; echo last";
    await run(job, "task", script);
    const [{ id }] = await runsOf(job, "task");
    const size = Number((await call("HEAD", file(job, "task", "stdout.txt"))).headers["content-length"]);
    await whenKept(`/kyanite/jobs/${job}/tasks/task/runs/${id}/files/stdout.txt`).catch(() => undefined);
    await loseNodes(job);
    const kept = await call("GET", file(job, "task", "stdout.txt"));
    const missing = size - 65_536;
    expect(kept.status).toBe(200);
    expect(kept.headers).toMatchObject({ "kyanite-kept-missing": String(missing), "kyanite-kept-size": String(size) });
    expect(kept.text).toMatch(
      new RegExp(`^first\\n[^]+\\n\\[… ${missing} bytes are missing here …\\]\\n[^]+\\nlast\\n$`),
    );
    expect(kept.text.length).toBeLessThan(65_700);
    const end = Number(kept.headers["content-length"]) - 5;
    const range = { headers: { "ocp-range": `bytes=${end}-` } };
    expect((await call("GET", file(job, "task", "stdout.txt"), range)).text).toBe("last\n");
  });

  test("files that the task names are there too, byte by byte", async () => {
    const job = await aJob();
    const script = 'mkdir out; printf "a\\\\000\\\\377b" > out/data.bin; head -c 20000 /dev/zero > zeros';
    const keptLogs = { filePaths: ["wd/out/data.bin", "wd/zeros", "wd/none"] };
    const task = await run(job, "task", script, { keptLogs });
    expect(task.keptLogs).toEqual(keptLogs);
    await loseNodes(job);
    const answer = await call("GET", file(job, "task", "wd/out/data.bin"));
    expect(answer).toMatchObject({ status: 200, headers: { "content-length": "4" } });
    expect(answer.headers["content-type"]).toBe("application/octet-stream");
    expect((await call("GET", file(job, "task", "wd/zeros"))).text).toBe("\0".repeat(20_000));
    expect(await call("GET", file(job, "task", "wd/none"))).toMatchObject({ status: 409 });
  });
});

test("each try of a task has its own log, and can be listed", async () => {
  const job = await aJob();
  const script =
    "echo $PPID > /dev/null; n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n > n; echo try $n; test $n = 3";
  await run(job, "task", script, { constraints: { maxTaskRetryCount: 5 } });
  const runs = await runsOf(job, "task");
  expect(runs).toMatchObject([
    { outcome: "success", exitCode: 0, poolId: job },
    { outcome: "failure", exitCode: 1, failureInfo: { code: "FailureExitCode" } },
    { outcome: "failure", exitCode: 1 },
  ]);
  const texts: string[] = [];
  for (const { keptFiles } of runs) {
    const { url, name, contentLength } = keptFiles[0];
    expect({ name, contentLength }).toEqual({ name: "stdout.txt", contentLength: "6" });
    texts.push((await call("GET", url.slice(service.url.length))).text);
  }
  expect(texts).toEqual(["try 3\n", "try 2\n", "try 1\n"]);
  const none = `/kyanite/jobs/${job}/tasks/task/runs/00000000-0000-4000-8000-000000000000/files/stdout.txt`;
  expect(await call("GET", none)).toMatchObject({ status: 404, json: { code: "FileNotFound" } });
  const pages = await call("GET", `/kyanite/jobs/${job}/tasks/task/runs`, { query: { maxresults: 2 } });
  expect(Object(pages.json).value).toHaveLength(2);
  expect(Object(pages.json)["odata.nextLink"]).toBeDefined();
});

test("of a task that is ended by request what it had written is kept", async () => {
  const job = await aJob();
  await call("POST", `/jobs/${job}/tasks`, { body: { id: "task", commandLine: "/bin/sh -c 'echo begun; sleep 600'" } });
  await until(
    () => call("GET", file(job, "task", "stdout.txt")),
    ({ text }) => text === "begun\n",
    60,
  );
  await call("POST", `/jobs/${job}/tasks/task/terminate`);
  const [run] = await until(
    () => runsOf(job, "task"),
    ([latest]) => latest?.keptFiles?.length > 0,
    60,
  );
  expect(run).toMatchObject({ outcome: "interrupted" });
  await loseNodes(job);
  expect((await call("GET", file(job, "task", "stdout.txt"))).text).toBe("begun\n");
});

test("a task says itself of which of its runs anything is kept", async () => {
  const job = await aJob();
  await run(job, "good", "echo good", { keptLogs: { runs: "failed" } });
  await run(job, "bad", "echo bad; exit 3", { keptLogs: { runs: "failed" } });
  await run(job, "none", "echo none; exit 3", { keptLogs: { runs: "none" } });
  await loseNodes(job);
  expect(await call("GET", file(job, "good", "stdout.txt"))).toMatchObject({ status: 409 });
  expect((await call("GET", file(job, "bad", "stdout.txt"))).text).toBe("bad\n");
  expect(await call("GET", file(job, "none", "stdout.txt"))).toMatchObject({ status: 409 });
  expect(await runsOf(job, "none")).toMatchObject([{ outcome: "failure", exitCode: 3, keptFiles: [] }]);
});

test.each([["/etc/passwd"], ["../other/stdout.txt"], ["wd/../../x"], ["wd//x"], ["a\u0007b"], [""]])(
  "a file %j cannot be kept",
  async (path) => {
    const job = "no-such-job";
    const body = { id: "task", commandLine: "true", keptLogs: { filePaths: [path] } };
    expect(await call("POST", `/jobs/${job}/tasks`, { body })).toMatchObject({
      status: 400,
      json: { code: "InvalidPropertyValue" },
    });
  },
);

test.runIf(isRoot)("what a task links to, or is not its own to read, is not kept", async () => {
  const job = await aJob();
  const script = [
    `ln -sf ${secret} ../stdout.txt`,
    `ln -s ${secret} link`,
    "ln -s / dir",
    "mkfifo pipe",
    "echo mine > mine",
    "ln mine other",
    "ln -s mine soft",
  ].join("; ");
  const filePaths = ["wd/link", `wd/dir${secret}`, "wd/pipe", "wd/other", "wd/soft", "wd"];
  await run(job, "task", script, { keptLogs: { filePaths } });
  const [{ keptFiles }] = await runsOf(job, "task");
  expect(keptFiles.map(({ name }: { name: string }) => name)).toEqual(["wd/other"]);
});

test("what is kept of a task goes with it", async () => {
  const job = await aJob();
  await run(job, "task", "echo hello");
  await run(job, "other", "head -c 9000 /dev/urandom");
  const rows = () => service.database`
    select r.pk from past_run r where r.task_pk in (
      select t.pk from task t join job j on j.pk = t.job_pk where j.id = ${job}
    ) order by r.pk`;
  const [first, second] = await rows();
  await call("DELETE", `/jobs/${job}/tasks/task`);
  expect((await rows()).map(({ pk }) => pk)).toEqual([second?.pk]);
  await call("DELETE", `/jobs/${job}`);
  await until(
    async () => service.database`select pk from past_run where pk in (${first?.pk}, ${second?.pk})`,
    (left) => left.length === 0,
    60,
  );
  await until(
    async () => service.database`select from kept_log where past_run_pk = ${second?.pk}`,
    (left) => left.length === 0,
  );
});
