import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentReport } from "@kyanite/contract";
import { systemClock, waitUntil } from "@kyanite/runtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addToken, aRun, shell, startNode, type TestNode, theNode } from "./fake-service.ts";

const happens = (condition: () => boolean | Promise<boolean>) =>
  waitUntil(condition, { clock: systemClock, timeoutMilliseconds: 20_000 });

let node: TestNode;
const others = ["tvm-2", "tvm-3"];
const wish = (state: "running" | "halted" | "removed", generation = 1) => ({ state, generation }) as const;
const all = () => ({ [theNode]: wish("running"), ...Object.fromEntries(others.map((id) => [id, wish("running")])) });
beforeAll(async () => {
  node = await startNode();
  for (const id of others) await addToken(node.top, id);
  node.host.keep(all());
  expect(await happens(() => others.every((id) => saidBy(id).some(({ type }) => type === "hello")))).toBe(true);
});
afterAll(() => node[Symbol.asyncDispose]());

const saidBy = (nodeId: string): AgentReport[] =>
  node.service.byNode.filter((each) => each.nodeId === nodeId).map(({ report }) => report);
const endOn = async (nodeId: string, runId: string) => {
  const isEnd = (report: AgentReport) => report.type === "finished" && report.runId === runId;
  expect(await happens(() => saidBy(nodeId).some(isEnd))).toBe(true);
  return saidBy(nodeId).find(isEnd);
};

test("all nodes of a host share one link, and each joins it with its own token", () => {
  expect(node.service.connections).toHaveLength(1);
  for (const nodeId of [theNode, ...others])
    expect(saidBy(nodeId)).toContainEqual(expect.objectContaining({ type: "hello", token: `secret-token-${nodeId}` }));
});

test("each node has its runs in its own directory, and reports them as its own", async () => {
  const directory = "workitems/j/job-1/same";
  for (const nodeId of others) {
    const order = aRun({ directory, commandLine: shell("pwd") });
    node.service.tell(nodeId, { type: "run", order });
    expect(await endOn(nodeId, order.runId)).toMatchObject({ exit: { kind: "exited", exitCode: 0 } });
    const root = join(node.top, nodeId, "root");
    expect(await readFile(join(root, directory, "stdout.txt"), "utf8")).toBe(`${join(root, directory, "wd")}\n`);
  }
});

test("a node that floods its host with requests keeps no other from answering", async () => {
  const [flooding = "", other = ""] = others;
  await writeFile(join(node.top, flooding, "root/shared/large"), Buffer.alloc(1_000_000));
  for (let n = 0; n < 200; n++)
    node.service.tell(flooding, {
      type: "files",
      requestId: randomUUID(),
      request: { operation: "read", path: "shared/large" },
    });
  const order = aRun({});
  node.service.tell(other, { type: "run", order });
  expect(await endOn(other, order.runId)).toMatchObject({ exit: { kind: "exited" } });
});

test("a node that was given up says hello again", async () => {
  const [nodeId = ""] = others;
  const hellos = () => saidBy(nodeId).filter(({ type }) => type === "hello").length;
  const before = hellos();
  node.service.tell(nodeId, { type: "greet" });
  expect(await happens(() => hellos() === before + 1)).toBe(true);
});

test("a node that is halted ends its runs, keeps its files, and is another after it was wished for again", async () => {
  const [, nodeId = ""] = others;
  const order = aRun({ commandLine: "sleep 600" });
  node.service.tell(nodeId, { type: "run", order });
  expect(await happens(() => saidBy(nodeId).some((r) => r.type === "started" && r.runId === order.runId))).toBe(true);
  const boot = () => saidBy(nodeId).flatMap((report) => (report.type === "hello" ? [report.bootTime] : []));
  const before = boot().at(-1);
  node.host.keep({ ...all(), [nodeId]: wish("halted", 2) });
  expect(await happens(() => node.standings.now[nodeId]?.state === "halted")).toBe(true);
  expect(await happens(() => saidBy(nodeId).some(({ type }) => type === "leave"))).toBe(true);
  node.host.keep({ ...all(), [nodeId]: wish("running", 3) });
  expect(await happens(() => boot().at(-1) !== before)).toBe(true);
  expect(saidBy(nodeId).some((report) => report.type === "finished" && report.runId === order.runId)).toBe(false);
  expect(await readFile(join(node.top, nodeId, "root", order.directory, "stdout.txt"), "utf8")).toBe("");
});

test("a node that cannot be opened says why, and is tried again when it is wished for again", async () => {
  await writeFile(join(node.top, "tvm-4"), "in the way");
  node.host.keep({ ...all(), "tvm-4": wish("running") });
  expect(await happens(() => node.standings.now["tvm-4"]?.state === "failed")).toBe(true);
  expect(node.standings.now["tvm-4"]?.reason).toContain("EEXIST");
});
