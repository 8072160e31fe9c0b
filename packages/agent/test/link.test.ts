import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, processRecord, systemClock, waitUntil } from "@kyanite/runtime";
import { expect, test } from "vitest";
import { openJournal } from "../src/journal.ts";
import { startAgentProcess } from "./agent-process.ts";
import { aRun, type FakeService, shell, startFakeService, startNode, theNode } from "./fake-service.ts";

const happens = (condition: () => boolean | Promise<boolean>) =>
  waitUntil(condition, { clock: systemClock, timeoutMilliseconds: 15_000 });
const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The runs that the agent still has to account for. */
async function journalOf(directory: string) {
  const { contents, close } = await openJournal(join(directory, "runs.jsonl"));
  close();
  return [...contents.finished, ...contents.interrupted];
}

test("the agent says who it is, and sends samples with its heartbeats", async () => {
  await using node = await startNode();
  const { service } = node;
  expect(service.connections[0]?.headers).toMatchObject({
    authorization: "Bearer secret-token-tvm-1",
    "x-kyanite-node": "tvm-1",
  });
  expect(await service.hello()).toMatchObject({ token: "secret-token-tvm-1", provider: "local", runIds: [] });
  const report = await service.until(() => service.reports.find(({ type }) => type === "heartbeat"), "heartbeat");
  expect(report).toMatchObject({ sample: { memoryTotalBytes: expect.any(Number) } });
});

test("a finished run is reported again after a lost link, until it is acknowledged", async () => {
  await using node = await startNode();
  const { service } = node;
  service.settings.acknowledges = false;
  const { runId } = await service.run({});
  const ends = () => service.reports.filter((report) => report.type === "finished" && report.runId === runId).length;
  service.dropLink();
  expect(await service.hello(2)).toMatchObject({ runIds: [runId] });
  expect(await happens(() => ends() === 2)).toBe(true);
  service.order({ type: "acknowledge", runIds: [runId] });
  expect(await happens(async () => (await journalOf(node.directory)).length === 0)).toBe(true);
  service.dropLink();
  expect(await service.hello(3)).toMatchObject({ runIds: [] });
  expect(ends()).toBe(2);
});

test("a run goes on while the service is away", async () => {
  await using node = await startNode();
  const { service } = node;
  const order = aRun({ commandLine: shell("while [ ! -e go ]; do sleep 0.02; done") });
  service.order({ type: "run", order });
  await service.started(order.runId);
  service.settings.refuseWith = 503;
  service.dropLink();
  expect(await happens(() => exists(join(node.root, order.directory, "wd")))).toBe(true);
  await writeFile(join(node.root, order.directory, "wd/go"), "");
  expect(
    await happens(async () =>
      (await readFile(join(node.directory, "runs.jsonl"), "utf8")).includes(`"finished","runId":"${order.runId}"`),
    ),
  ).toBe(true);
  service.settings.refuseWith = 0;
  expect((await service.finished(order.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
});

test("a restart ends all runs without a report and says hello with a new boot time", async () => {
  await using node = await startNode();
  const { service } = node;
  const order = aRun({ commandLine: "sleep 60" });
  service.order({ type: "run", order });
  await service.started(order.runId);
  const first = await service.hello();
  const restartId = randomUUID();
  service.order({ type: "restart", restartId, erase: true });
  const second = await service.hello(2);
  if (first.type !== "hello" || second.type !== "hello") throw new Error("no hello");
  expect(second).toMatchObject({ runIds: [], restartId });
  expect(second.bootTime > first.bootTime).toBe(true);
  expect(service.reports.some(({ type }) => type === "finished")).toBe(false);
  expect(await readdir(join(node.root, "workitems"))).toEqual([]);
  expect(await service.exit({})).toMatchObject({ kind: "exited", exitCode: 0 });
  service.order({ type: "restart", restartId, erase: true });
  expect(await service.exit({})).toMatchObject({ kind: "exited", exitCode: 0 });
  expect(service.reports.filter(({ type }) => type === "hello").length).toBe(2);
});

test("a directory is removed on order, once its run has been ended", async () => {
  await using node = await startNode();
  const { service } = node;
  const order = aRun({ commandLine: shell("mkdir -p a/b; chmod 0 a; sleep 60") });
  service.order({ type: "run", order });
  await service.started(order.runId);
  service.order({ type: "removeDirectory", directory: order.directory });
  expect((await service.finished(order.runId)).exit).toMatchObject({ kind: "ended", reason: "cancelled" });
  expect(await happens(async () => !(await exists(join(node.root, order.directory))))).toBe(true);
});

test("what a removed directory leaves empty goes with it, up to the directories that every node has", async () => {
  await using node = await startNode();
  const { service } = node;
  for (const directory of ["workitems/one/job-1/t", "workitems/two/job-1/t", "workitems/two/job-1/u"])
    await service.run({ directory });
  service.order({ type: "removeDirectory", directory: "workitems/two/job-1/t" });
  service.order({ type: "removeDirectory", directory: "workitems/one/job-1" });
  expect(await happens(async () => (await readdir(join(node.root, "workitems"))).join() === "two")).toBe(true);
  expect(await happens(async () => (await readdir(join(node.root, "workitems/two/job-1"))).join() === "u")).toBe(true);
  service.order({ type: "removeDirectory", directory: "workitems/two/job-1" });
  expect(await happens(async () => (await readdir(join(node.root, "workitems"))).length === 0)).toBe(true);
});

test("a directory is removed when its retention is over, but not before a new run in it", async () => {
  await using node = await startNode();
  const { service } = node;
  const short = await service.run({ directory: "workitems/j/job-1/short", retentionSeconds: 0.05 });
  await service.run({ directory: "workitems/j/job-1/long", retentionSeconds: 3600 });
  await service.run({ directory: "workitems/j/job-1/again", retentionSeconds: 3600 });
  await service.run({ directory: "workitems/j/job-1/again" });
  expect(short.exit).toMatchObject({ kind: "exited", exitCode: 0 });
  expect(await happens(async () => (await readdir(join(node.root, "workitems/j/job-1"))).join() === "again,long")).toBe(
    true,
  );
  expect(await readFile(join(node.directory, "retention.jsonl"), "utf8")).toContain('["workitems/j/job-1/again",null]');
});

test("a full disk is not reported again and again, and fails the runs that it meets", async () => {
  await using node = await startNode({ reservedDiskBytes: Number.MAX_SAFE_INTEGER });
  const { service } = node;
  const full = { category: "ServerError", code: "DiskFull" };
  expect(await service.until(() => service.reports.find(({ type }) => type === "nodeError"), "error")).toMatchObject({
    failure: full,
  });
  expect(await service.exit({ commandLine: "false" })).toMatchObject({ kind: "failed", failure: full });
  expect(await service.exit({ commandLine: "sleep 60" })).toMatchObject({ kind: "failed", failure: full });
  const count = (wanted: string) => service.reports.filter(({ type }) => type === wanted).length;
  const heartbeats = async (more: number) => {
    const until = count("heartbeat") + more;
    await service.until(() => count("heartbeat") >= until, "heartbeats");
  };
  // It may have been looked at before the service has answered, and once more afterwards.
  await heartbeats(2);
  const reported = count("nodeError");
  expect(reported).toBeLessThanOrEqual(2);
  await heartbeats(2);
  expect(count("nodeError")).toBe(reported);
});

test.each([
  [
    "link is refused",
    ({ settings, dropLink }: FakeService) => {
      settings.refuseWith = 410;
      dropLink();
    },
  ],
  ["hello is refused", ({ order }: FakeService) => order({ type: "dismiss" })],
])("a node whose %s ends its runs and takes away what it has", async (_, refuse) => {
  await using node = await startNode();
  const { service, directory, standings } = node;
  const order = aRun({ commandLine: shell("echo $$ > pid; exec sleep 300") });
  service.order({ type: "run", order });
  const pid = await pidIn(join(node.root, order.directory, "wd/pid"));
  refuse(service);
  expect(await happens(() => standings.now[theNode]?.state === "ended")).toBe(true);
  expect(processRecord(pid)).toBeUndefined();
  expect(await exists(join(directory, "boot.json"))).toBe(false);
});

test("SIGTERM ends all runs and then the agent", async () => {
  await using agent = await startAgentProcess();
  const { service } = agent;
  await service.hello();
  const order = aRun({ commandLine: shell("echo $$ > pid; sleep 300") });
  service.order({ type: "run", order });
  const pid = await pidIn(join(agent.root, order.directory, "wd/pid"));
  agent.kill("SIGTERM");
  expect(await agent.exited()).toBe(0);
  expect(processRecord(pid)).toBeUndefined();
  expect(await journalOf(agent.directory)).toEqual([]);
});

test("after a crash the agent reports what had finished and goes on with what was left running", async () => {
  await using agent = await startAgentProcess();
  const { service } = agent;
  const first = await service.hello();
  service.settings.acknowledges = false;
  const finished = await service.run({ commandLine: shell("exit 7") });
  const order = aRun({
    commandLine: shell(
      'echo $$ > pid; setsid sh -c "echo \\$\\$ > daemon; exec sleep 300" & until [ -e go ]; do sleep 0.02; done; exit 5',
    ),
  });
  service.order({ type: "run", order });
  const pids = [
    await pidIn(join(agent.root, order.directory, "wd/pid")),
    await pidIn(join(agent.root, order.directory, "wd/daemon")),
  ];
  agent.kill("SIGKILL");
  expect(await agent.exited()).toBe("SIGKILL");
  expect(pids.map((pid) => processRecord(pid) !== undefined)).toEqual([true, true]);
  agent.start();
  const again = await service.hello(2);
  if (first.type !== "hello" || again.type !== "hello") throw new Error("no hello");
  expect([...again.runIds].sort()).toEqual([finished.runId, order.runId].sort());
  expect(again.bootTime).toBe(first.bootTime);
  const repeated = () =>
    service.reports.filter((report) => report.type === "finished" && report.runId === finished.runId);
  expect(await happens(() => repeated().length === 2)).toBe(true);
  expect(repeated()[1]).toEqual(finished);
  expect(pids.map((pid) => processRecord(pid) !== undefined)).toEqual([true, true]);
  await writeFile(join(agent.root, order.directory, "wd/go"), "");
  expect((await service.finished(order.runId)).exit).toMatchObject({ kind: "exited", exitCode: 5 });
  expect(await happens(() => pids.every((pid) => processRecord(pid) === undefined))).toBe(true);
});

async function pidIn(file: string): Promise<number> {
  let pid = 0;
  await happens(async () => {
    pid = Number(await readFile(file, "utf8").catch(() => ""));
    return pid > 0;
  });
  return pid;
}

test("an agent finds a service that has moved", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-address-"));
  const serviceUrlFile = join(directory, "url");
  await using other = await startFakeService();
  await using node = await startNode({ serviceUrlFile });
  await writeFile(serviceUrlFile, `${other.url}\n`);
  await node.service[Symbol.asyncDispose]();
  expect(await other.hello()).toMatchObject({ token: "secret-token-tvm-1" });
  expect(await other.exit({})).toMatchObject({ kind: "exited", exitCode: 0 });
  await rm(directory, { recursive: true });
});

/** On which a minute passes in no time, once that is wanted. */
function hastyClock() {
  const haste = { now: false };
  const sleep: Clock["sleep"] = async (milliseconds, signal) => {
    if (milliseconds < 60_000) return systemClock.sleep(milliseconds, signal);
    do await systemClock.sleep(1, signal);
    while (!haste.now && !signal?.aborted);
  };
  return { haste, clock: { ...systemClock, sleep } };
}

test("an agent whose service never comes back ends and takes its node away, but not while something runs", async () => {
  const { clock, haste } = hastyClock();
  await using node = await startNode({ clock, abandonedHours: 1 });
  const { service, host, root, directory } = node;
  const order = aRun({ commandLine: shell("until [ -e go ]; do sleep 0.02; done") });
  service.order({ type: "run", order });
  await service.started(order.runId);
  service.settings.refuseWith = 503;
  service.dropLink();
  haste.now = true;
  let minutes = 0;
  const isOver = host.closed.then(() => true);
  while (minutes++ < 300 && !(await Promise.race([isOver, clock.sleep(60_000).then(() => false)])));
  expect(await exists(root)).toBe(true);
  await writeFile(join(root, order.directory, "wd/go"), "");
  expect(await host.closed).toBe("abandoned");
  expect((await readdir(directory)).sort()).toEqual(["agent.log", "token"]);
});

test("an agent stays with a service that is there", async () => {
  const { clock, haste } = hastyClock();
  await using node = await startNode({ clock, abandonedHours: 1 });
  haste.now = true;
  for (let minute = 0; minute < 300; minute++) await clock.sleep(60_000);
  expect(await node.service.exit({})).toMatchObject({ kind: "exited", exitCode: 0 });
});
