import { execFileSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { processesWithVariable, systemClock, waitUntil } from "@kyanite/runtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

let node: TestNode;
beforeAll(async () => {
  node = await startNode();
  await node.service.run({
    directory: "workitems/j/job-1/t",
    commandLine: shell('echo hello; mkdir d; printf "a\\0b" > d/bin'),
  });
});
afterAll(() => node[Symbol.asyncDispose]());

const task = "workitems/j/job-1/t";
const names = ({ body }: { body: Buffer }): string[] =>
  JSON.parse(body.toString()).files.map(({ name }: { name: string }) => name);

test("the node's root is listed as documented", async () => {
  const listed = await node.service.files({ operation: "list", path: "", recursive: false });
  expect(listed.answer).toEqual({ outcome: "ok" });
  expect(names(listed)).toEqual(["applications", "fsmounts", "shared", "startup", "volatile", "workitems"]);
});

test("a directory is listed flat or in depth", async () => {
  expect(names(await node.service.files({ operation: "list", path: task, recursive: false }))).toEqual(
    ["certs", "stderr.txt", "stdout.txt", "wd"].map((name) => `${task}/${name}`),
  );
  const deep = await node.service.files({ operation: "list", path: `${task}/wd`, recursive: true });
  expect(JSON.parse(deep.body.toString()).files).toMatchObject([
    { name: `${task}/wd/d`, isDirectory: true },
    { name: `${task}/wd/d/bin`, isDirectory: false, contentLength: 3, contentType: "application/octet-stream" },
  ]);
});

test("a file is described and read, whole or in part", async () => {
  const path = `${task}/stdout.txt`;
  const described = await node.service.files({ operation: "stat", path });
  expect(described.answer).toMatchObject({
    outcome: "ok",
    file: { name: path, isDirectory: false, contentLength: 6, contentType: "text/plain", fileMode: "0o100640" },
  });
  expect((await node.service.files({ operation: "read", path })).body.toString()).toBe("hello\n");
  expect((await node.service.files({ operation: "read", path, start: 1, end: 3 })).body.toString()).toBe("ell");
  expect((await node.service.files({ operation: "read", path, start: 4, end: 100 })).body.toString()).toBe("o\n");
  const empty = await node.service.files({ operation: "read", path: `${task}/stderr.txt` });
  expect(empty.body.length).toBe(0);
  expect((await node.service.files({ operation: "read", path, start: 6 })).answer).toMatchObject({
    code: "InvalidRange",
  });
});

test.each([
  ["../secret"],
  ["/etc/passwd"],
  ["shared/link/secret"],
  ["shared/link"],
  ["shared/file-link"],
  ["none"],
  ["shared/\0"],
])("%j is not found", async (path) => {
  await writeFile(join(node.directory, "secret"), "secret");
  await symlink(node.directory, join(node.root, "shared/link")).catch(() => undefined);
  await symlink(join(node.directory, "secret"), join(node.root, "shared/file-link")).catch(() => undefined);
  for (const operation of ["stat", "read"] as const) {
    expect(await node.service.files({ operation, path })).toMatchObject({
      answer: { outcome: "error", code: "FileNotFound" },
      body: Buffer.alloc(0),
    });
  }
  const removed = await node.service.files({ operation: "delete", path: `${path}/secret`, recursive: true });
  expect(removed.answer).toMatchObject({ outcome: "error" });
  expect((await stat(join(node.directory, "secret"))).size).toBe(6);
});

test("a pipe is not waited for", async () => {
  execFileSync("mkfifo", [join(node.root, "shared/pipe")]);
  const answer = { outcome: "error", code: "OperationInvalidForCurrentState" };
  expect((await node.service.files({ operation: "read", path: "shared/pipe" })).answer).toMatchObject(answer);
  expect((await node.service.files({ operation: "stat", path: "shared/pipe" })).answer).toMatchObject({
    outcome: "ok",
  });
});

test("files and directories are deleted, full ones only recursively", async () => {
  await mkdir(join(node.root, "shared/full/inner"), { recursive: true });
  const remove = (path: string, recursive = false) => node.service.files({ operation: "delete", path, recursive });
  expect((await remove("shared/full")).answer).toMatchObject({ code: "OperationInvalidForCurrentState" });
  expect((await remove("shared/full", true)).answer).toEqual({ outcome: "ok" });
  expect((await remove("shared/full", true)).answer).toMatchObject({ code: "FileNotFound" });
  expect((await remove("shared", true)).answer).toMatchObject({ outcome: "error" });
  expect((await remove("", true)).answer).toMatchObject({ outcome: "error" });
});

test("a large file arrives whole", async () => {
  const content = Buffer.alloc(30_000_000, "0123456789");
  await writeFile(join(node.root, "shared/large"), content);
  const { body } = await node.service.files({ operation: "read", path: "shared/large" });
  expect(body.equals(content)).toBe(true);
});

test("an agent that is to end ends its runs at once, and goes when what is being read has been sent", async () => {
  await using ending = await startNode();
  const content = Buffer.alloc(30_000_000, "0123456789");
  await writeFile(join(ending.root, "shared/large"), content);
  const run = aRun({ commandLine: "sleep 1000" });
  ending.service.order({ type: "run", order: run });
  await ending.service.started(run.runId);
  const events = new EventEmitter();
  const begun = once(events, "begun");
  ending.service.settings.onFiles = async () => {
    events.emit("begun");
    await once(events, "go on");
  };
  const read = ending.service.files({ operation: "read", path: "shared/large" });
  await begun;
  const stopped = ending.host.stop();
  const isRunning = () => processesWithVariable("KYANITE_RUN_ID", run.runId).length > 0;
  expect(await waitUntil(() => !isRunning(), { clock: systemClock, timeoutMilliseconds: 20_000 })).toBe(true);
  events.emit("go on");
  expect((await read).body.equals(content)).toBe(true);
  await stopped;
});
