import { aPool, type RunningService, rawClient, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Behind a proxy that ends TLS and keeps the name by which it was called. */
let service: RunningService;
const publicUrl = "https://batch.example.org:8443";
const agentUrl = "http://batch.internal:10080";

beforeAll(async () => {
  service = await runningService({ publicUrl, agentUrl });
});
afterAll(() => service[Symbol.asyncDispose]());

test("links of answers begin with the public URL where the client came by it", async () => {
  const client = rawClient(service);
  const pool = { body: aPool("pool", { targetDedicatedNodes: 0 }), headers: { host: "batch.example.org:8443" } };
  expect((await client("POST", "/pools", pool)).headers.location).toBe(`${publicUrl}/pools/pool`);
  expect((await client("GET", "/pools/pool")).json).toMatchObject({ url: `${service.url}/pools/pool` });
});

test.each([
  ["test.batch.example.org", 200],
  ["test.eastus.batch.example.org", 200],
  ["other.batch.example.org", 403],
  ["other.eastus.batch.example.org", 403],
])("a host below its name, %s, names the account", async (host, status) => {
  expect((await rawClient(service)("GET", "/pools", { headers: { host } })).status).toBe(status);
});

test("tasks are told where other machines reach the service, if it knows", async () => {
  const client = rawClient(service);
  await client("POST", "/pools", { body: aPool("tasks") });
  await client("POST", "/jobs", { body: { id: "job", poolInfo: { poolId: "tasks" } } });
  const commandLine = "/bin/sh -c 'echo $AZ_BATCH_ACCOUNT_URL'";
  await client("POST", "/jobs/job/tasks", { body: { id: "task", commandLine } });
  const answer = await until(
    () => client("GET", "/jobs/job/tasks/task/files/stdout.txt"),
    ({ text }) => text.startsWith("http"),
  );
  expect(answer.text).toBe(`${agentUrl}\n`);
});
