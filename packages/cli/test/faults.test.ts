import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { BatchServiceClient } from "@azure/batch";
import {
  agentOfNode,
  aPool,
  batchClient,
  freePorts,
  refusedStart,
  type ServerProcess,
  startServerProcess,
  until,
} from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";

let directory: string;
let flags: string[];
let server: ServerProcess | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-faults-"));
  await chmod(directory, 0o711);
  const [http, https] = await freePorts(2);
  flags = ["--data-dir", join(directory, "data"), "--http-port", `${http}`, "--https-port", `${https}`];
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await rm(directory, { recursive: true, force: true });
}, 60_000);

async function start(): Promise<BatchServiceClient> {
  server = await startServerProcess([...flags, "--node-silent-seconds", "10", "--heartbeat-seconds", "2"]);
  const { account, accountKey, batchUrl } = server.endpoints;
  return batchClient({ account: { name: account, key: accountKey }, url: batchUrl });
}

const count = 40;

/** A job of tasks that each take a moment, on a pool of two nodes. */
async function addWork(client: BatchServiceClient): Promise<void> {
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 2, taskSlotsPerNode: 2 }));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  await client.task.addCollection(
    "job",
    Array.from({ length: count }, (_, n) => ({
      id: `${n}`,
      commandLine: "/bin/sh -c 'echo began >> began.txt; sleep 0.3; cat began.txt'",
    })),
  );
}

const countsOf = async (client: BatchServiceClient) => (await client.job.getTaskCounts("job")).taskCounts;
const someAreDone = (client: BatchServiceClient) =>
  until(
    () => countsOf(client),
    ({ completed, running }) => completed >= 5 && running > 0,
    60,
  );

async function expectEachCompletedOnce(client: BatchServiceClient): Promise<void> {
  const counts = await until(
    () => countsOf(client),
    ({ completed }) => completed === count,
    90,
  );
  const tasks = await client.task.list("job");
  expect(tasks.filter(({ executionInfo }) => executionInfo?.result !== "success")).toEqual([]);
  expect(counts).toEqual({ active: 0, running: 0, completed: count, succeeded: count, failed: 0 });
  expect(tasks.map(({ executionInfo }) => executionInfo?.retryCount)).toEqual(tasks.map(() => 0));
}

test("a server killed in the midst of its work loses nothing, and each task has run once", async () => {
  const client = await start();
  await addWork(client);
  await someAreDone(client);
  await server?.kill();
  const again = await start();
  await expectEachCompletedOnce(again);
  for (let n = 0; n < count; n++) {
    const { readableStreamBody } = await again.file.getFromTask("job", `${n}`, "stdout.txt");
    expect(readableStreamBody && (await text(readableStreamBody))).toBe("began\n");
  }
}, 180_000);

test("the tasks of an agent that is killed go on, and each has run once", async () => {
  const client = await start();
  await addWork(client);
  await someAreDone(client);
  const [task] = await client.task.list("job", { taskListOptions: { filter: "state eq 'running'" } });
  const agent = await agentOfNode(join(directory, "data/nodes"), task?.nodeInfo?.nodeId ?? "");
  process.kill(agent?.pid ?? 0, "SIGKILL");
  await expectEachCompletedOnce(client);
  for (let n = 0; n < count; n++) {
    const { readableStreamBody } = await client.file.getFromTask("job", `${n}`, "stdout.txt");
    expect(readableStreamBody && (await text(readableStreamBody))).toBe("began\n");
  }
  const nodes = await until(
    () => client.computeNode.list("pool"),
    (all) => all.every(({ state }) => state === "idle"),
  );
  expect(nodes).toHaveLength(2);
}, 180_000);

test("what finished while the server was away is recorded, also when its agent was killed before it could report", async () => {
  const client = await start();
  await client.pool.add(aPool("pool"));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  const commandLine = "/bin/sh -c 'echo ran >> $AZ_BATCH_NODE_SHARED_DIR/ran; sleep 1; exit 3'";
  await client.task.add("job", { id: "only", commandLine });
  const running = await until(
    () => client.task.get("job", "only"),
    ({ state }) => state === "running",
  );
  const node = join(directory, "data/nodes", running.nodeInfo?.nodeId ?? "");
  const journal = () => readFile(join(node, "runs.jsonl"), "utf8");
  // A task is running when it has been placed; its node hears of it a moment later.
  await until(journal, (text) => text.includes('"running"'));
  await server?.kill();
  await until(journal, (text) => text.includes('"finished"'));
  const agent = await agentOfNode(join(directory, "data/nodes"), running.nodeInfo?.nodeId ?? "");
  process.kill(agent?.pid ?? 0, "SIGKILL");
  const again = await start();
  const task = await until(
    () => again.task.get("job", "only"),
    ({ state }) => state === "completed",
    60,
  );
  expect(task.executionInfo).toMatchObject({ exitCode: 3, requeueCount: 0, retryCount: 0 });
  expect(await readFile(join(node, "root/shared/ran"), "utf8")).toBe("ran\n");
}, 180_000);

test("a second start on the same data directory finds everything again", async () => {
  const client = await start();
  await addWork(client);
  await expectEachCompletedOnce(client);
  const { account, accountKey, batchUrl } = server?.endpoints ?? {};
  expect(await server?.stop()).toBe(0);
  const again = await start();
  expect(server?.endpoints).toMatchObject({ account, accountKey, batchUrl });
  expect((await again.pool.get("pool")).targetDedicatedNodes).toBe(2);
  await expectEachCompletedOnce(again);
  await again.task.add("job", { id: "more", commandLine: "true" });
  await until(
    () => again.task.get("job", "more"),
    ({ state }) => state === "completed",
    60,
  );
}, 180_000);

test("a server that cannot start says why and what to do", async () => {
  const client = await start();
  expect(await client.pool.list()).toHaveLength(0);
  const locked = await refusedStart(flags);
  expect(locked.code).toBe(1);
  expect(locked.output).toMatch(/data directory|data-dir/);
  const { endpoints } = server ?? {};
  const busy = await refusedStart([...flags.slice(2), "--data-dir", join(directory, "other")]);
  expect(busy.code).toBe(1);
  expect(busy.output).toContain(new URL(endpoints?.batchUrl ?? "").port);
  const wrong = await refusedStart([
    ...["--data-dir", join(directory, "third"), "--http-port", "0", "--https-port", "0"],
    ...["--database-url", "postgresql://nobody:secret@127.0.0.1:1/none", "--database-wait-seconds", "1"],
  ]);
  expect(wrong.code).toBe(1);
  expect(wrong.output).toContain("The database none at 127.0.0.1:1 cannot be used");
  expect(wrong.output).toContain("--database-url");
  expect(wrong.output).not.toContain("secret");
}, 120_000);
