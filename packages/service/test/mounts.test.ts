import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, until } from "@kyanite/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let service: RunningService;
let client: BatchServiceClient;
let share: string;

beforeAll(async () => {
  share = await mkdtemp(join(tmpdir(), "kyanite-share-"));
  await chmod(share, 0o777);
  await writeFile(join(share, "in.txt"), "input");
  service = await runningService({ settings: { mountSources: `files:/export=${share}` } });
  client = batchClient(service);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await rm(share, { recursive: true, force: true });
});

const nfs = (source: string) => [
  { nfsMountConfiguration: { source, relativeMountPath: "nfs", mountOptions: "-o ro" } },
];

test("tasks share files by what a pool mounts, and these outlive the pool", async () => {
  const startTask = { commandLine: "/bin/sh -c 'test -e $AZ_BATCH_NODE_MOUNTS_DIR/nfs/in.txt'", waitForSuccess: true };
  await client.pool.add(aPool("pool", { mountConfiguration: nfs("files:/export"), startTask }));
  await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
  const script = "cd $AZ_BATCH_NODE_MOUNTS_DIR/nfs && cat in.txt && echo done > out.txt";
  await client.task.add("job", { id: "task", commandLine: `/bin/sh -c '${script}'` });
  const task = await until(
    () => client.task.get("job", "task"),
    ({ state }) => state === "completed",
  );
  expect(task.executionInfo?.result).toBe("success");
  await client.pool.deleteMethod("pool");
  await until(
    () => client.pool.list(),
    (pools) => pools.length === 0,
  );
  expect((await readdir(share)).sort()).toEqual(["in.txt", "out.txt"]);
});

test("a node without a share that its pool mounts is unusable and says why", async () => {
  await client.pool.add(aPool("without", { mountConfiguration: nfs("elsewhere:/export") }));
  const [node] = await until(
    async () => [...(await client.computeNode.list("without"))],
    (nodes) => nodes[0]?.state === "unusable",
  );
  expect(node?.errors).toMatchObject([
    { code: "Mount Configuration Error", errorDetails: [{}, { name: "MountConfigurationPath", value: "nfs" }] },
  ]);
});

test("secrets of a mount are never shown", async () => {
  const cifsMountConfiguration = {
    source: "//files/share",
    username: "user",
    password: "very secret",
    relativeMountPath: "smb",
  };
  const mountConfiguration = [{ cifsMountConfiguration }];
  await client.pool.add(aPool("secret", { targetDedicatedNodes: 0, mountConfiguration }));
  const pool = await client.pool.get("secret");
  expect(pool.mountConfiguration).toMatchObject([{ cifsMountConfiguration: { username: "user" } }]);
  expect(JSON.stringify(pool)).not.toContain("very secret");
});
