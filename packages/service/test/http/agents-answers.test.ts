import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { sharedKey } from "@kyanite/client/node";
import { aPool, type RunningService, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scriptedAgent, scriptedNodes } from "../scripted-agent.ts";

const { provider, first } = scriptedNodes();
let home: RunningService;
let other: RunningService;
let node: Awaited<ReturnType<typeof first>>;
let agent: Awaited<ReturnType<typeof scriptedAgent>>;

beforeAll(async () => {
  home = await runningService({ provider });
  other = await runningService({ provider, address: home.address });
  const call = rawClient(home);
  await call("POST", "/pools", { body: aPool("pool") });
  node = await first();
  agent = await scriptedAgent(home.url, node);
  await until(
    () => call("GET", `/pools/pool/nodes/${node.nodeId}`),
    ({ json }) => Object(json).state === "idle",
  );
}, 60_000);
afterAll(async () => {
  agent.close();
  await other[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
});

/** Begins the answer to what the node was asked last. */
async function beginAnswer(count: number, { url } = home) {
  return httpRequest(`${url}/agent/files/${await agent.request(count)}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${node.token}`,
      "x-kyanite-node": node.nodeId,
      "kyanite-files": Buffer.from(JSON.stringify({ outcome: "ok" })).toString("base64url"),
      "content-length": 100,
    },
  });
}

async function breakOff(count: number): Promise<void> {
  const answer = await beginAnswer(count);
  answer.on("error", () => {});
  await new Promise((resolve) => answer.write('{"', resolve));
  answer.destroy();
}

const ofNode = () => `/pools/pool/nodes/${node.nodeId}`;
let count = 0;

const servers = [
  ["the node's server", "the node's server", () => [home, home]],
  ["the node's server", "another server", () => [home, other]],
  ["another server", "the node's server", () => [other, home]],
  ["another server", "another server", () => [other, other]],
] as const;

test.each(servers)("what %s asks is answered to %s, and the client gets it", async (_asking, _answered, pick) => {
  const [asking = home, answered = home] = pick();
  const answer = rawClient(asking)("GET", `${ofNode()}/remoteloginsettings`, { version: "2022-10-01.16.0" });
  count += 1;
  const agentsAnswer = await beginAnswer(count, answered);
  agentsAnswer.end(JSON.stringify({ login: { address: "10.0.0.7", port: 2222 } }).padEnd(100));
  const [{ statusCode }] = await once(agentsAnswer, "response");
  expect(statusCode).toBe(204);
  expect(await answer).toMatchObject({
    status: 200,
    json: { remoteLoginIPAddress: "10.0.0.7", remoteLoginPort: 2222 },
  });
});

test.each([
  ["the node's server", () => home],
  ["another server", () => other],
])("an answer that the node breaks off is an error that the client knows, from %s", async (_, asking) => {
  const asks = [
    ["files", "IOError"],
    ["remoteloginsettings", "NodeStateUnusable"],
  ] as const;
  for (const [path, code] of asks) {
    const answer = rawClient(asking())("GET", `${ofNode()}/${path}`, { version: "2022-10-01.16.0" });
    count += 1;
    await breakOff(count);
    expect([path, (await answer).json]).toMatchObject([path, { code }]);
  }
});

test.each(servers)("a file that %s asks for and %s gets ends with its node", async (_asking, _answered, pick) => {
  const [asking = home, answered = home] = pick();
  const target = `${ofNode()}/files/file?api-version=2022-10-01.16.0`;
  const dated = { "ocp-date": new Date().toUTCString() };
  const { name, key } = asking.account;
  const authorization = await sharedKey(name, key)({ method: "GET", target, headers: dated });
  const asked = httpRequest(`${asking.url}${target}`, { headers: { ...dated, authorization } }).end();
  count += 1;
  const agentsAnswer = await beginAnswer(count, answered);
  agentsAnswer.on("error", () => {});
  agentsAnswer.write("some of it");
  const [{ statusCode }, body] = await once(asked, "response").then(([response]) => [response, text(response)]);
  expect(statusCode).toBe(200);
  agentsAnswer.destroy();
  await expect(body).rejects.toThrow();
});

test("an answer that nobody waits for is refused, wherever it comes", async () => {
  for (const server of [home, other]) {
    const url = `${server.url}/agent/files/${randomUUID()}`;
    const files = Buffer.from(JSON.stringify({ outcome: "ok" })).toString("base64url");
    const headers = { authorization: `Bearer ${node.token}`, "x-kyanite-node": node.nodeId, "kyanite-files": files };
    expect((await fetch(url, { method: "POST", headers, body: "{}" })).status).toBe(404);
  }
});
