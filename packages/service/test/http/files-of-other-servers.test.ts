import { readdir, readlink } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline } from "node:stream/promises";
import { sharedKey } from "@kyanite/client/node";
import {
  agentOfNode,
  aPool,
  type RawClient,
  type RunningService,
  rawClient,
  runningService,
  storageContainer,
  until,
} from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** The host of all nodes is connected to the first, and the second knows of it by their database only. */
let home: RunningService;
let other: RunningService;
let atHome: RawClient;
let elsewhere: RawClient;
let nodeId = "";
const files = "/jobs/job/tasks/task/files";
const largeBytes = 200_000_000;

beforeAll(async () => {
  // What is left of a request is thrown away for so short that these tests see the end of that.
  home = await runningService({ limits: { discardSeconds: 0.2 } });
  other = await runningService({ address: home.address, provider: home.service.provider });
  atHome = rawClient(home);
  elsewhere = rawClient(other);
  await atHome("POST", "/pools", { body: aPool("pool") });
  await atHome("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "pool" } } });
  const script = `echo hello; for n in 1 2 3 4 5; do mkdir -p sub/$n; echo $n > sub/$n/out; done; truncate -s ${largeBytes} large`;
  await atHome("POST", "/jobs/job/tasks", { body: { id: "task", commandLine: `/bin/sh -c '${script}'` } });
  const task = await until(
    async () => Object((await atHome("GET", "/jobs/job/tasks/task")).json),
    ({ state }) => state === "completed",
    60,
  );
  nodeId = task.nodeInfo.nodeId;
}, 90_000);
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

const ofNode = () => `/pools/pool/nodes/${nodeId}/files`;
const recursively = { query: { recursive: true, maxresults: 4 } };

describe("a server that a node is not connected to answers as the one that it is connected to", () => {
  test.each([
    ["a list", "GET", files, recursively],
    ["a file", "GET", `${files}/stdout.txt`, {}],
    ["a part of a file", "GET", `${files}/stdout.txt`, { headers: { "ocp-range": "bytes=1-3" } }],
    ["a part that is not there", "GET", `${files}/stdout.txt`, { headers: { "ocp-range": "bytes=100-200" } }],
    ["the properties of a file", "HEAD", `${files}/stdout.txt`, {}],
    ["a file that is not there", "GET", `${files}/none.txt`, {}],
    ["a directory that is not empty", "DELETE", `${files}/wd/sub`, {}],
  ])("when it is asked for %s", async (_, method, path, request) => {
    const [here, there] = [await atHome(method, path, request), await elsewhere(method, path, request)];
    expect(there.status).toBe(here.status);
    expect(withoutPlace(there)).toEqual(withoutPlace(here));
  });

  test("when it lists a node's files", async () => {
    const [here, there] = [await atHome("GET", ofNode(), recursively), await elsewhere("GET", ofNode(), recursively)];
    expect(there).toMatchObject({ status: 200 });
    expect(withoutPlace(there)).toEqual(withoutPlace(here));
  });
});

/** An answer without what must be different: whom it came from, when, and the number of the request. */
function withoutPlace({
  headers,
  text,
  json,
}: {
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  readonly json: unknown;
}) {
  const { date: _date, "request-id": _id, "client-request-id": _client, ...others } = headers;
  const place = [home, other].flatMap(({ url }) => [url, encodeURIComponent(url)]);
  const isError = Object(json).code !== undefined;
  const plain = (value: string) => place.reduce((found, each) => found.replaceAll(each, "HERE"), value);
  return { headers: plain(JSON.stringify(isError ? {} : others)), text: isError ? Object(json).code : plain(text) };
}

test("files are deleted by way of another server", async () => {
  expect((await elsewhere("DELETE", `${files}/wd/sub/5`, { query: { recursive: true } })).status).toBe(200);
  expect(await atHome("GET", `${files}/wd/sub/5/out`)).toMatchObject({ status: 404, json: { code: "FileNotFound" } });
});

test("a node uploads its logs when another server asks", async () => {
  const { url: containerUrl } = await storageContainer(home, "logs-of-others");
  const body = { containerUrl, startTime: new Date(0).toISOString() };
  const answer = await elsewhere("POST", `/pools/pool/nodes/${nodeId}/uploadbatchservicelogs`, { body });
  expect(answer).toMatchObject({ status: 200 });
  expect(Object(answer.json).numberOfFilesUploaded).toBeGreaterThan(0);
});

/** Asks a server for the large file; resolves when its answer begins. */
async function readLarge({ url, account }: RunningService): Promise<IncomingMessage> {
  const target = `${files}/wd/large?api-version=2024-07-01.20.0`;
  const headers = { "ocp-date": new Date().toUTCString() };
  const authorization = await sharedKey(account.name, account.key)({ method: "GET", target, headers });
  return new Promise((resolve, reject) => {
    httpRequest(new URL(target, url), { headers: { ...headers, authorization } }, resolve)
      .once("error", reject)
      .end();
  });
}

const isReading = async () => {
  const agent = await agentOfNode(home.nodesDirectory, nodeId);
  const directory = `/proc/${agent?.pid}/fd`;
  const names = await readdir(directory);
  const found = await Promise.all(names.map((name) => readlink(`${directory}/${name}`).catch(() => "")));
  return found.some((path) => path.endsWith("/large"));
};

test("a large file comes whole, and little of it is in memory at a time", async () => {
  const answer = await readLarge(other);
  const before = process.memoryUsage().arrayBuffers;
  let bytes = 0;
  let most = 0;
  await pipeline(answer, async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
  });
  expect(bytes).toBe(largeBytes);
  expect(most).toBeLessThan(64_000_000);
});

test.each([
  ["the node's server", () => home],
  ["another", () => other],
])("a node sends nothing more to a client of %s that has gone", async (_, server) => {
  const answer = await readLarge(server());
  expect(await isReading()).toBe(true);
  answer.destroy();
  await until(isReading, (is) => !is);
});

test("an answer ends with the node's agent, wherever it was asked for", async () => {
  const answer = await readLarge(other);
  const agent = await agentOfNode(home.nodesDirectory, nodeId);
  process.kill(agent?.pid ?? 0, "SIGKILL");
  const read = pipeline(answer, async (chunks: AsyncIterable<Buffer>) => {
    for await (const _ of chunks);
  });
  await expect(read).rejects.toThrow();
  await until(
    () => elsewhere("GET", `${files}/stdout.txt`),
    ({ status }) => status === 200,
    30,
  );
});

/** The server to which the host of all nodes is connected. */
async function serverOf({ database }: RunningService) {
  const [server] = await database<{ id: string; address: string }[]>`
    select s.id, s.address from server s join host h on h.server_id = s.id`;
  return server ?? { id: "", address: "" };
}

describe("the door between servers", () => {
  test.each([
    ["without a secret", {}],
    ["with another secret", { pskCallback: () => ({ psk: Buffer.alloc(32, 1), identity: "kyanite" }) }],
  ])("is closed to strangers %s", async (_, options) => {
    const { address } = await serverOf(home);
    const asked = new Promise((resolve, reject) => {
      httpsRequest(`https://${address}/`, { ...options, method: "POST", rejectUnauthorized: false }, resolve)
        .once("error", reject)
        .end(JSON.stringify({ nodePk: 1, request: { operation: "list", path: "", recursive: false } }));
    });
    await expect(asked).rejects.toThrow(/alert/);
  });
});

test("files are unavailable at once while the node's server is out of reach", async () => {
  const { id, address } = await serverOf(home);
  await home.database`update server set address = '127.0.0.1:1' where id = ${id}`;
  expect(await elsewhere("GET", `${files}/wd/none`)).toMatchObject({
    status: 409,
    json: { code: "TaskFilesUnavailable" },
  });
  await home.database`update server set address = ${address} where id = ${id}`;
});
