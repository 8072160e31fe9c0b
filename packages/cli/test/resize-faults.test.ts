import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BatchServiceClient } from "@azure/batch";
import { processesWithVariable } from "@kyanite/runtime";
import {
  aPool,
  batchClient,
  freePorts,
  type ServerProcess,
  startServerProcess,
  steadyPool,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let directory: string;
let flags: string[];
let server: ServerProcess;
let client: BatchServiceClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-resize-"));
  await chmod(directory, 0o711);
  const [http, https] = await freePorts(2);
  flags = ["--data-dir", join(directory, "data"), "--http-port", `${http}`, "--https-port", `${https}`];
  await start();
}, 90_000);
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

async function start(): Promise<void> {
  server = await startServerProcess([...flags, "--agent-starts-at-once", "2"]);
  const { account, accountKey, batchUrl } = server.endpoints;
  client = batchClient({ account: { name: account, key: accountKey }, url: batchUrl });
}

async function restart(): Promise<void> {
  await server.kill();
  await start();
}

/** Every agent that any life of this server has started and that lives: one serves all nodes. */
const agents = async () => processesWithVariable("KYANITE_AGENT_SERVICE_URL", server.endpoints.batchUrl);
const nodes = async () => [...(await client.computeNode.list("pool"))];
const steady = () => steadyPool(client, "pool", 90);

test("a server killed while a pool grows goes on, and no node is there twice", async () => {
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 12 }));
  await until(nodes, (all) => all.some(({ state }) => state === "idle"), 60);
  await restart();
  const pool = await steady();
  expect(pool).toMatchObject({ currentDedicatedNodes: 12 });
  expect(pool.resizeErrors).toBeUndefined();
  await until(nodes, (all) => all.length === 12 && all.every(({ state }) => state === "idle"), 90);
  expect(await agents()).toHaveLength(1);
}, 180_000);

test("a server killed while a pool shrinks goes on, and leaves no process and no directory", async () => {
  await client.pool.resize("pool", { targetDedicatedNodes: 1 });
  await restart();
  await steady();
  await until(nodes, (all) => all.length === 1, 60);
  expect(await until(agents, (all) => all.length === 1, 60)).toHaveLength(1);
  const [node] = await nodes();
  const left = async () => (await readdir(join(directory, "data/nodes"))).filter((name) => name.startsWith("tvmps"));
  expect(await until(left, (names) => names.length === 1)).toEqual([node?.id]);
}, 180_000);

test("a pool deleted while it grows, by a server that is then killed, is gone with all its processes", async () => {
  await client.pool.resize("pool", { targetDedicatedNodes: 10 });
  await until(nodes, (all) => all.filter(({ state }) => state === "idle").length > 1, 60);
  await client.pool.deleteMethod("pool");
  await restart();
  await until(
    () => client.pool.list(),
    (pools) => pools.length === 0,
    90,
  );
  const left = async () => (await readdir(join(directory, "data/nodes"))).filter((name) => name.startsWith("tvmps"));
  expect(await until(left, (names) => names.length === 0, 60)).toEqual([]);
  const processes = () =>
    readdir("/proc")
      .then((names) => names.filter((name) => /^\d+$/.test(name)))
      .then((pids) => Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, "utf8").catch(() => ""))));
  const ofNodes = async () => (await processes()).filter((text) => text.includes(`KYANITE_NODE_ROOT=${directory}`));
  expect(await until(ofNodes, (all) => all.length === 0, 60)).toEqual([]);
  expect(await agents()).toHaveLength(1);
}, 180_000);
