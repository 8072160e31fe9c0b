import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeClient, sharedKey } from "@kyanite/client/node";
import { aPool, freePorts, type ServerProcess, startServerProcess, until } from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";

let directory: string;
let flags: string[];
let server: ServerProcess;
let client: ReturnType<typeof nodeClient>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-watching-"));
  await chmod(directory, 0o711);
  const [http, https] = await freePorts(2);
  flags = ["--data-dir", join(directory, "data"), "--http-port", `${http}`, "--https-port", `${https}`];
  server = await startServerProcess(flags);
  const { account, accountKey, batchUrl } = server.endpoints;
  client = nodeClient({ url: batchUrl, credential: sharedKey(account, accountKey) });
});
afterEach(async () => {
  client[Symbol.dispose]();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const lines = 1_000;

test("who follows events and a log over kills of the server misses nothing and gets nothing twice", async () => {
  const { id } = aPool("pool");
  const from = new Date(Date.now() - 60_000).toISOString();
  await client.call("Pool_Add", { body: aPool("pool") });
  await client.call("Job_Add", { body: { id: "job", poolInfo: { poolId: id } } });
  const enough = new AbortController();
  const seen: string[] = [];
  const events = (async () => {
    for await (const event of client.events({ kind: "job.created", from }, { signal: enough.signal }))
      seen.push(event.resource.jobId ?? "");
  })().catch((cause: unknown) => cause);
  const script = `i=0; while [ $i -lt ${lines} ]; do echo $i; i=$((i+1)); sleep 0.01; done`;
  await client.call("Task_Add", {
    jobId: "job",
    body: { id: "t", commandLine: `/bin/sh -c '${script}'` },
  });
  const log: number[] = [];
  const following = (async () => {
    const logs = client.taskLog({ jobId: "job", taskId: "t", follow: true }, { signal: enough.signal });
    for await (const { event, data } of logs) if (event === "line") log.push(Number(Object(data).line));
  })();
  const added = ["job"];
  for (let kill = 0; kill < 3; kill++) {
    await until(
      async () => log.length,
      (count) => count > kill * 50,
      60,
    );
    for (let n = 0; n < 5; n++) {
      const job = `j${kill}-${n}`;
      await client.call("Job_Add", { body: { id: job, poolInfo: { poolId: id } } });
      added.push(job);
    }
    await server.kill();
    server = await startServerProcess(flags);
  }
  await following;
  expect(log).toEqual(Array.from({ length: lines }, (_, n) => n));
  await until(
    async () => seen.length,
    (count) => count >= added.length,
    60,
  );
  expect(seen).toEqual(added);
  enough.abort(new Error("enough"));
  expect(await events).toMatchObject({ message: "enough" });
}, 240_000);
