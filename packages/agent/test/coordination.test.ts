import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { processRecord, systemClock, waitUntil } from "@kyanite/runtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aRun, shell, startNode, type TestNode } from "./fake-service.ts";

let node: TestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node[Symbol.asyncDispose]());

const read = (path: string) => readFile(join(node.root, path), "utf8");
const coordinated = (runId: string, count = 1) =>
  node.service.until(
    () => node.service.reports.filter((report) => report.type === "coordinated" && report.runId === runId)[count - 1],
    "coordinated",
  );
const isGone = (pid: number) =>
  waitUntil(() => processRecord(pid) === undefined, { clock: systemClock, timeoutMilliseconds: 5_000 });

test("the command of a primary starts when all are coordinated, and what was put into the background still runs", async () => {
  const order = aRun({
    coordinationCommandLine: shell("echo prepared; sleep 300 & echo $! > pid"),
    commandLine: shell("kill -0 $(cat pid) && echo alive"),
  });
  node.service.order({ type: "run", order });
  await coordinated(order.runId);
  expect(await read(`${order.directory}/coordination-stdout.txt`)).toBe("prepared\n");
  await expect(read(`${order.directory}/stdout.txt`)).rejects.toThrow("ENOENT");
  node.service.order({ type: "proceed", runId: order.runId });
  node.service.order({ type: "proceed", runId: order.runId });
  expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
  expect(await read(`${order.directory}/stdout.txt`)).toBe("alive\n");
  expect(await isGone(Number(await read(`${order.directory}/wd/pid`)))).toBe(true);
});

test("a subtask holds what it has started until it is cancelled", async () => {
  const order = aRun({
    kind: "subtask",
    commandLine: "",
    coordinationCommandLine: shell("echo here; setsid sleep 300 & echo $! > pid"),
  });
  node.service.order({ type: "run", order });
  await coordinated(order.runId);
  const pid = Number(await read(`${order.directory}/wd/pid`));
  expect(processRecord(pid)).toBeDefined();
  node.service.order({ type: "cancel", runId: order.runId });
  expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "ended", reason: "cancelled" });
  expect(await read(`${order.directory}/stdout.txt`)).toBe("here\n");
  expect(await isGone(pid)).toBe(true);
});

test("a coordination command that fails ends the run with its exit code", async () => {
  const order = aRun({ coordinationCommandLine: shell("exit 9"), commandLine: shell("echo never") });
  expect((await node.service.run(order)).exit).toMatchObject({ kind: "exited", exitCode: 9 });
  await expect(read(`${order.directory}/stdout.txt`)).rejects.toThrow("ENOENT");
  expect(await node.service.exit({ coordinationCommandLine: "no-such-program" })).toMatchObject({
    kind: "failed",
    failure: { code: "CommandProgramNotFound" },
  });
});

test("the wall clock of a primary runs while it waits for the others", async () => {
  const order = aRun({ coordinationCommandLine: "true", maxWallClockSeconds: 0.5 });
  expect((await node.service.run(order)).exit).toMatchObject({ kind: "ended", reason: "wallClock" });
});

test("a report of coordination that was lost with the link is made again", async () => {
  const order = aRun({ coordinationCommandLine: "true" });
  node.service.order({ type: "run", order });
  await coordinated(order.runId);
  node.service.dropLink();
  await coordinated(order.runId, 2);
  node.service.order({ type: "proceed", runId: order.runId });
  expect((await node.service.finished(order.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
});

test("a run that is ordered while another one ends in its directory starts when that has ended", async () => {
  const first = aRun({
    commandLine: shell('trap "sleep 0.3; exit" TERM; echo $$ > pid; while true; do sleep 0.05; done'),
  });
  node.service.order({ type: "run", order: first });
  await node.service.until(() => node.service.reports.find(({ type }) => type === "started"), "started");
  await waitUntil(() => read(`${first.directory}/wd/pid`).then(Boolean, () => false), {
    clock: systemClock,
    timeoutMilliseconds: 10_000,
  });
  const second = aRun({ directory: first.directory, commandLine: shell("ls") });
  node.service.order({ type: "cancel", runId: first.runId });
  node.service.order({ type: "run", order: second });
  expect((await node.service.finished(second.runId)).exit).toMatchObject({ kind: "exited", exitCode: 0 });
  const ends = node.service.reports.flatMap((report) => (report.type === "finished" ? [report.runId] : []));
  expect(ends.indexOf(first.runId)).toBeLessThan(ends.indexOf(second.runId));
  expect(await read(`${first.directory}/stdout.txt`)).toBe("");
});
