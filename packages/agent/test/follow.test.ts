import { randomBytes } from "node:crypto";
import { appendFile, link, mkdir, readdir, readlink, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock, waitUntil } from "@kyanite/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

let node: TestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node[Symbol.asyncDispose]());

/** How many descriptors of this process, in which the agent runs, lead to a file. */
async function openCount(name: string): Promise<number> {
  const fds = await readdir("/proc/self/fd");
  const targets = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return targets.filter((target) => target.includes(name)).length;
}

const isClosed = (name: string) =>
  waitUntil(async () => (await openCount(name)) === 0, { clock: systemClock, timeoutMilliseconds: 20_000 });

let count = 0;
/** A file of the node, and its path as clients know it. */
async function aFile(content: string | Buffer) {
  count += 1;
  const path = `shared/log-${count}.txt`;
  await writeFile(join(node.root, path), content);
  return { path, place: join(node.root, path) };
}

test("a run's output is followed from before it begins until it has ended", async () => {
  const run = aRun({ commandLine: shell("echo one; until test -e go; do sleep 0.02; done; echo two") });
  const followed = await node.service.follow({
    path: `${run.directory}/stdout.txt`,
    isLive: true,
    runId: run.runId,
  });
  node.service.order({ type: "run", order: run });
  await followed.comes("one\n");
  await writeFile(join(node.root, run.directory, "wd/go"), "");
  expect(await followed.end()).toBe("runEnded");
  expect(followed.text()).toBe("one\ntwo\n");
});

test("what an earlier run has left is not taken for the output of the next", async () => {
  const directory = "workitems/job/job-1/again";
  await node.service.run({ directory, commandLine: "echo former" });
  const run = aRun({ directory, keepsDirectory: true, commandLine: "echo next" });
  const path = `${directory}/stdout.txt`;
  const followed = await node.service.follow({ path, isLive: true, runId: run.runId });
  node.service.order({ type: "run", order: run });
  expect(await followed.end()).toBe("runEnded");
  expect(followed.text()).toBe("next\n");
});

test("output that is read slowly is not lost to the next run of the task", async () => {
  const directory = "workitems/job/job-1/slow";
  const run = aRun({ directory, commandLine: shell("echo former; until test -e go; do sleep 0.02; done; echo end") });
  const path = `${directory}/stdout.txt`;
  node.service.order({ type: "run", order: run });
  const followed = await node.service.follow({ path, isLive: true, runId: run.runId });
  await followed.comes("former\n");
  await writeFile(join(node.root, directory, "wd/go"), "");
  await node.service.finished(run.runId);
  await node.service.run({ directory, keepsDirectory: true, commandLine: "echo next" });
  expect(await followed.end()).toBe("runEnded");
  expect(followed.text()).toBe("former\nend\n");
});

test("a file of no run is followed from where it is asked to be, and what is appended comes", async () => {
  const { path, place } = await aFile("0123456789");
  const [middle, tail] = [
    await node.service.follow({ path, start: 4, isLive: true }),
    await node.service.follow({ path, tail: 3, isLive: true }),
  ];
  await middle.comes("456789");
  await tail.comes("789");
  expect(tail.frames()[0]).toEqual({ kind: "opened", offset: 7 });
  await appendFile(place, "ab");
  await middle.comes("456789ab");
  await tail.comes("789ab");
  middle.cancel();
  tail.cancel();
  expect(await isClosed(path)).toBe(true);
});

test("what is there is sent, and no more, when no more is wanted", async () => {
  const content = randomBytes(1_000_000);
  const { path } = await aFile(content);
  const followed = await node.service.follow({ path, isLive: false });
  expect(await followed.end()).toBe("sent");
  const data = followed.frames().flatMap((frame) => (frame.kind === "data" ? [frame.bytes] : []));
  expect(Buffer.concat(data).equals(content)).toBe(true);
});

describe("a follower is told when its file", () => {
  test("has been cut", async () => {
    const { path, place } = await aFile("some text");
    const followed = await node.service.follow({ path, isLive: true });
    await followed.comes("some text");
    await truncate(place, 4);
    expect(await followed.end()).toBe("fileTruncated");
  });

  test("is shorter than what it has already", async () => {
    const { path } = await aFile("some text");
    const followed = await node.service.follow({ path, start: 100, isLive: true });
    expect(await followed.end()).toBe("fileTruncated");
  });

  test("has been deleted, with all that was written to it", async () => {
    const { path, place } = await aFile("some text");
    const followed = await node.service.follow({ path, isLive: true });
    await followed.comes("some text");
    await appendFile(place, " more");
    await rm(place);
    expect(await followed.end()).toBe("fileDeleted");
    expect(followed.text()).toBe("some text more");
  });

  test("has been replaced by another, of which nothing is sent", async () => {
    const { path, place } = await aFile("some text");
    const followed = await node.service.follow({ path, isLive: true });
    await followed.comes("some text");
    await rename(place, `${place}.1`);
    await writeFile(place, "another text");
    expect(await followed.end()).toBe("fileReplaced");
    expect(followed.text()).toBe("some text");
  });

  test.each([
    ["a link out of the node", async (secret: string, place: string) => symlink(secret, place)],
    ["a second name of a file outside the node", async (secret: string, place: string) => link(secret, place)],
  ])("has been replaced by %s, of which nothing is sent", async (_, replace) => {
    const secret = join(node.directory, "secret");
    await writeFile(secret, "some text and a secret");
    const { path, place } = await aFile("some text");
    const followed = await node.service.follow({ path, isLive: true });
    await followed.comes("some text");
    await rm(place);
    await replace(secret, place);
    await appendFile(secret, " and more");
    expect(["fileDeleted", "fileReplaced"]).toContain(await followed.end());
    expect(followed.text()).toBe("some text");
  });
});

test("what a run puts in place of its output before it can be opened is not read", async () => {
  await writeFile(join(node.directory, "secret"), "secret");
  const script = `ln -s ${node.directory}/secret out; until test -e go; do sleep 0.02; done`;
  const run = aRun({ commandLine: shell(script) });
  const followed = await node.service.follow({ path: `${run.directory}/wd/out`, isLive: true, runId: run.runId });
  node.service.order({ type: "run", order: run });
  expect(await followed.end()).toBe("fileUnreadable");
  expect(followed.text()).toBe("");
  await writeFile(join(node.root, run.directory, "wd/go"), "");
  await node.service.finished(run.runId);
});

test("a file that is not there is not followed, and neither is a directory", async () => {
  const ask = (path: string) => node.service.files({ operation: "follow", path, isLive: true });
  expect((await ask("shared/none")).answer).toMatchObject({ code: "FileNotFound" });
  expect((await ask("../secret")).answer).toMatchObject({ code: "FileNotFound" });
  await mkdir(join(node.root, "shared/directory"));
  expect((await ask("shared/directory")).answer).toMatchObject({ code: "OperationInvalidForCurrentState" });
});

test("two hundred follow one file, and nothing is left of them when they are gone", async () => {
  const { path, place } = await aFile("begin");
  const followers = await Promise.all(Array.from({ length: 200 }, () => node.service.follow({ path, isLive: true })));
  await appendFile(place, " end");
  await Promise.all(followers.map((follower) => follower.comes("begin end")));
  for (const follower of followers) follower.cancel();
  expect(await isClosed(path)).toBe(true);
});

test("followers do not hold up a node that is to end, and are told", async () => {
  await using ending = await startNode();
  await writeFile(join(ending.root, "shared/log"), "text");
  const followed = await ending.service.follow({ path: "shared/log", isLive: true });
  await followed.comes("text");
  await ending.host.stop();
  const last = followed.frames().at(-1);
  expect(last?.kind === "ended" ? last.how : "nodeLeaving").toBe("nodeLeaving");
});
