import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@kyanite/runtime";
import { createContainer, listBlobs, parseConnectionString, signUrl } from "@kyanite/storage";
import { aPool, batchClient, type ServerProcess, startServerProcess, until } from "@kyanite/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";

let directory: string;
let server: ServerProcess;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kyanite-supervision-"));
  await chmod(directory, 0o711);
  server = await startServerProcess(["--data-dir", join(directory, "data"), "--http-port", "0", "--https-port", "0"]);
});
afterEach(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}, 60_000);

const readiness = async () => {
  const response = await fetch(`${server.endpoints.batchUrl}/readyz`);
  return `${response.status} ${(await response.text()).trim()}`;
};

async function kill(record: string): Promise<number> {
  const { pid } = JSON.parse(await readFile(join(directory, "data", record), "utf8"));
  process.kill(pid, "SIGKILL");
  return pid;
}

test("the storage is started again when it is killed, and what stages files meanwhile waits for it", async () => {
  const { account, accountKey, batchUrl, storageConnectionString } = server.endpoints;
  const client = batchClient({ account: { name: account, key: accountKey }, url: batchUrl });
  const storage = parseConnectionString(storageConnectionString);
  await createContainer(storage, "outputs");
  const expiresOn = new Date(systemClock.now().getTime() + 3_600_000);
  const containerUrl = await signUrl(storage, { container: "outputs", permissions: "racwdl", expiresOn });
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 1, taskSlotsPerNode: 4 }));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  const ids = Array.from({ length: 24 }, (_, n) => `${n}`);
  const outputFiles = (path: string) => [
    {
      filePattern: "../stdout.txt",
      destination: { container: { containerUrl, path } },
      uploadOptions: { uploadCondition: "tasksuccess" } as const,
    },
  ];
  await client.task.addCollection(
    "job",
    ids.map((id) => ({ id, commandLine: `/bin/sh -c "sleep 0.3; echo ${id}"`, outputFiles: outputFiles(id) })),
  );
  const counts = async () => (await client.job.getTaskCounts("job")).taskCounts;
  await until(counts, ({ completed }) => completed > 0, 60);
  await kill("storage/process.json");
  await until(readiness, (answer) => answer === "503 the storage is away");
  await until(readiness, (answer) => answer === "200 ok", 60);
  const done = await until(counts, ({ completed }) => completed === ids.length, 90);
  expect(done).toMatchObject({ succeeded: ids.length });
  await kill("storage/process.json");
  const options = { clock: systemClock, signal: new AbortController().signal };
  const names: string[] = [];
  for await (const { name } of listBlobs(containerUrl, "", options)) names.push(name);
  expect(names.sort()).toEqual([...ids].sort());
}, 180_000);

test("the database is started again when it is killed, and requests are told to come back until then", async () => {
  const { account, accountKey, batchUrl } = server.endpoints;
  const client = batchClient({ account: { name: account, key: accountKey }, url: batchUrl });
  await client.pool.add(aPool("pool", { targetDedicatedNodes: 0 }));
  await kill("postgres-process.json");
  await until(readiness, (answer) => answer.startsWith("503 the database is away"));
  await until(readiness, (answer) => answer === "200 ok", 60);
  expect((await client.pool.list()).map(({ id }) => id)).toEqual(["pool"]);
}, 120_000);
