import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLog, systemClock } from "@kyanite/runtime";
import { createBlob, listBlobs, readBlob, signUrl } from "@kyanite/storage";
import {
  agentOfNode,
  aPool,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { collectBlobs } from "../src/loops/collect-blobs.ts";
import { storageAccounts } from "../src/storage-accounts.ts";

vi.setConfig({ testTimeout: 120_000 });

/** Nobody listens there. */
const away = {
  accountName: "away",
  accountKey: Buffer.alloc(64).toString("base64"),
  blobEndpoint: "http://127.0.0.1:1/away",
};
const tag = `k${process.pid}${Date.now().toString(36)}`;
let service: RunningService;
let call: RawClient;
let nodeId = "";

beforeAll(async () => {
  service = await runningService({ moreStorage: [{ ...away, connectionString: "" }] });
  call = rawClient(service);
  await call("POST", "/pools", { body: aPool("pool") });
  const nodes = await until(
    async () => Object((await call("GET", "/pools/pool/nodes")).json).value,
    (all) => all[0]?.state === "idle",
    90,
  );
  nodeId = nodes[0].id;
}, 120_000);
afterAll(() => service[Symbol.asyncDispose]());

/** Too much for a report, however it is compressed. */
const large = "head -c 9000 /dev/urandom | base64 -w 0";
const sh = (script: string) => `/bin/sh -c '${script}'`;

async function add(name: string, commandLine: string) {
  const job = `${tag}-${name}`;
  await call("POST", "/jobs", { body: { id: job, poolInfo: { poolId: "pool" } } });
  expect((await call("POST", `/jobs/${job}/tasks`, { body: { id: "task", commandLine } })).status).toBe(201);
  return job;
}

const completed = (job: string) =>
  until(
    async () => Object((await call("GET", `/jobs/${job}/tasks/task`)).json),
    ({ state }) => state === "completed",
    90,
  );

/** What is kept of the last run's output, as soon as the service has it. */
async function whenKept(job: string) {
  const runs = `/kyanite/jobs/${job}/tasks/task/runs`;
  const { id } = await until(
    async () => Object((await call("GET", runs)).json).value[0] ?? {},
    ({ outcome }) => outcome !== undefined,
    60,
  );
  return until(
    () => call("GET", `${runs}/${id}/files/stdout.txt`),
    ({ status }) => status === 200,
    90,
  );
}

const live = async (job: string) => (await call("GET", `/jobs/${job}/tasks/task/files/stdout.txt`)).text;
const collect = () =>
  collectBlobs(service.database, storageAccounts([service.storage]), createLog("error")).round(new Date());

async function blobsOf(container: string) {
  const expiresOn = new Date(Date.now() + 600_000);
  const url = await signUrl(service.storage, { container, permissions: "rl", expiresOn });
  const names: string[] = [];
  const { signal } = new AbortController();
  for await (const { name } of listBlobs(url, "", { clock: systemClock, signal })) names.push(name);
  return names;
}

test("a log is laid out as the file conventions say, and goes with its job", async () => {
  const job = await add("laid-out", sh(large));
  await completed(job);
  const kept = await whenKept(job);
  const text = await live(job);
  expect(kept.text).toBe(text);
  expect(await blobsOf(`job-${job}`)).toEqual(["task/$TaskLog/stdout.txt"]);
  const place = { container: `job-${job}`, blob: "task/$TaskLog/stdout.txt" };
  expect(String(await readBlob(service.storage, place, 100_000))).toBe(text);
  await call("DELETE", `/jobs/${job}`);
  await until(
    () => call("GET", `/jobs/${job}`),
    ({ status }) => status === 404,
    60,
  );
  await collect();
  expect(await blobsOf(`job-${job}`)).toEqual([]);
});

test("what somebody else has put there stays, and ours is beside it", async () => {
  const job = `${tag}-taken`;
  const theirs = { container: `job-${job}`, blob: "task/$TaskLog/stdout.txt" };
  await createBlob(service.storage, {
    ...theirs,
    content: Buffer.from("theirs"),
    contentType: "text/plain",
    author: "them",
  });
  await add("taken", sh(large));
  await completed(job);
  const kept = await whenKept(job);
  expect(kept.text).toBe(await live(job));
  expect(await blobsOf(`job-${job}`)).toEqual(
    [theirs.blob, `task/$TaskLog/${kept.headers["kyanite-kept-run"]}/stdout.txt`].sort(),
  );
  await call("DELETE", `/jobs/${job}/tasks/task`);
  await collect();
  expect(await blobsOf(`job-${job}`)).toEqual([theirs.blob]);
  expect(String(await readBlob(service.storage, theirs, 100))).toBe("theirs");
});

test("without a linked storage account a log is in the database", async () => {
  await service.database`update account set storage_account = null`;
  const job = await add("unlinked", sh(large));
  await completed(job);
  expect((await whenKept(job)).text).toBe(await live(job));
  await service.database`update account set storage_account = ${service.storage.accountName}`;
});

test("while the storage is away a log waits on its node", async () => {
  await service.database`update account set storage_account = 'away'`;
  const job = await add("away", sh(large));
  await completed(job);
  const waiting = await until(
    () => readdir(join(service.nodesDirectory, nodeId, "kept")),
    ({ length }) => length > 0,
  );
  expect(waiting).toEqual([expect.stringMatching(/^[0-9a-f-]{36}\.0$/)]);
  await service.database`update account set storage_account = ${service.storage.accountName}`;
  expect((await whenKept(job)).text).toBe(await live(job));
  await until(
    () => readdir(join(service.nodesDirectory, nodeId, "kept")),
    ({ length }) => length === 0,
  );
});

test("an agent that is killed before it has sent a log sends it when it is back", async () => {
  const goOn = join(service.nodesDirectory, nodeId, "root", "shared", "go-on");
  const job = await add("killed", sh(`until [ -e $AZ_BATCH_NODE_SHARED_DIR/go-on ]; do sleep 0.1; done; ${large}`));
  await until(
    async () => Object((await call("GET", `/jobs/${job}/tasks/task`)).json).state,
    (state) => state === "running",
    60,
  );
  await until(
    () => call("HEAD", `/jobs/${job}/tasks/task/files/stdout.txt`),
    ({ status }) => status === 200,
    60,
  );
  await service.restart(async () => {
    await writeFile(goOn, "");
    await until(
      () => readdir(join(service.nodesDirectory, nodeId, "kept")),
      ({ length }) => length > 0,
      60,
    );
    const agent = await agentOfNode(service.nodesDirectory, nodeId);
    if (!agent) throw new Error("no agent serves the node");
    process.kill(agent.pid, "SIGKILL");
  });
  await completed(job);
  expect((await whenKept(job)).text).toBe(await live(job));
});

test("a node that leaves as soon as its task has ended sends the task's log first", async () => {
  const job = await add("leaving", sh(`until [ -e $AZ_BATCH_NODE_SHARED_DIR/leave ]; do sleep 0.1; done; ${large}`));
  await until(
    async () => Object((await call("GET", `/jobs/${job}/tasks/task`)).json).state,
    (state) => state === "running",
    60,
  );
  const body = { nodeList: [nodeId], nodeDeallocationOption: "taskcompletion" };
  expect((await call("POST", "/pools/pool/removenodes", { body })).status).toBe(202);
  await writeFile(join(service.nodesDirectory, nodeId, "root", "shared", "leave"), "");
  await until(
    () => call("GET", `/pools/pool/nodes/${nodeId}`),
    ({ status }) => status === 404,
    90,
  );
  expect((await whenKept(job)).text).toHaveLength(12_000);
});
