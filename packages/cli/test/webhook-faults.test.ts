import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  freePorts,
  rawClient,
  type ServerProcess,
  startServerProcess,
  status,
  until,
  webhookReceiver,
} from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let directory: string;
let server: ServerProcess;
let flags: string[];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-webhooks-"));
  await chmod(directory, 0o711);
  const [http, https] = await freePorts(2);
  const ports = ["--http-port", `${http}`, "--https-port", `${https}`];
  flags = ["--data-dir", join(directory, "data"), ...ports, "--webhook-networks", "127.0.0.1"];
  server = await startServerProcess(flags);
}, 90_000);
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

test("what was sent when the server was killed is sent again, and what comes after it then", async () => {
  await using receiver = await webhookReceiver();
  const { account: name, accountKey: key, batchUrl: url } = server.endpoints;
  const call = rawClient({ url, account: { name, key } });
  const filter = { kind: "job.created" };
  await call("POST", "/kyanite/webhooks", { body: { id: "hook", url: receiver.url, filter } });
  const addJob = (id: string) => call("POST", "/jobs", { body: { id, poolInfo: { poolId: "none" } } });
  const received = () => receiver.received.map(({ body }) => JSON.parse(body.toString()).data.resource.jobId);
  await addJob("a");
  await until(
    async () => received().length,
    (count) => count === 1,
  );
  // The receiver has it, and the server never hears so.
  receiver.answer = () => {};
  await addJob("b");
  await until(
    async () => received().length,
    (count) => count === 2,
  );
  await server.kill();
  receiver.answer = status(204);
  server = await startServerProcess(flags);
  await addJob("c");
  await until(
    async () => received().length,
    (count) => count === 4,
  );
  expect(received()).toEqual(["a", "b", "b", "c"]);
  const [, first, second] = receiver.received.map(({ headers }) => headers["webhook-id"]);
  expect(second).toBe(first);
}, 120_000);
