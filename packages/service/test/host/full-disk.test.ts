import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aPool, batchClient, startServerProcess, until } from "@kyanite/testkit";
import { expect, test } from "vitest";

const canMount = process.getuid?.() === 0 && process.platform === "linux";
if (!canMount) console.warn("a full disk is not tested: that takes root, to mount a small one");

async function smallDisk(megabytes: number) {
  const path = await mkdtemp(join(tmpdir(), "kyanite-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=755`, "tmpfs", path]);
  return {
    path,
    async [Symbol.asyncDispose]() {
      execFileSync("umount", ["-l", path]);
      await rm(path, { recursive: true });
    },
  };
}

test.skipIf(!canMount)(
  "a task that fills the server's disk fails with all others there, the server goes on, and the node comes back",
  async () => {
    await using disk = await smallDisk(500);
    const flags = ["--data-dir", join(disk.path, "data"), "--http-port", "0", "--https-port", "0"];
    const server = await startServerProcess([...flags, "--disk-reserve-megabytes", "32"]);
    try {
      const { batchUrl, account, accountKey } = server.endpoints;
      const client = batchClient({ url: batchUrl, account: { name: account, key: accountKey } });
      for (const id of ["pool", "other"]) await client.pool.add(aPool(id));
      await client.job.add({ id: "job", poolInfo: { poolId: "pool" } });
      await client.job.add({ id: "beside", poolInfo: { poolId: "other" } });
      const nodeIs = async (wanted: string) => {
        const [node] = await until(
          () => client.computeNode.list("pool"),
          ([first]) => first?.state === wanted,
          60,
        );
        return node?.id ?? "";
      };
      const ended = (taskId: string, jobId = "job") =>
        until(
          () => client.task.get(jobId, taskId),
          ({ state }) => state === "completed",
          60,
        );
      await nodeIs("idle");
      const script = "while :; do cat /dev/zero >> $AZ_BATCH_NODE_SHARED_DIR/big; sleep 0.01; done";
      await client.task.add("beside", { id: "bystander", commandLine: "sleep 600" });
      await until(
        () => client.task.get("beside", "bystander"),
        ({ state }) => state === "running",
      );
      await client.task.add("job", { id: "greedy", commandLine: `/bin/sh -c '${script}'` });
      const full = { result: "failure", failureInfo: { category: "ServerError", code: "DiskFull" } };
      expect((await ended("greedy")).executionInfo).toMatchObject(full);
      expect((await ended("bystander", "beside")).executionInfo).toMatchObject(full);
      const nodeId = await nodeIs("unusable");
      await until(
        async () => existsSync(join(disk.path, "data", "reserve")),
        (isHeld) => !isHeld,
      );
      // Two megabytes each, which the disk has not but for the reserve.
      for (const id of ["one", "two", "three"]) {
        await client.job.add({
          id,
          poolInfo: { poolId: "pool" },
          commonEnvironmentSettings: [{ name: "A", value: "x".repeat(2e6) }],
        });
        expect((await client.job.get(id)).state).toBe("active");
      }
      await client.task.add("job", { id: "next", commandLine: "true" });
      await client.file.deleteFromComputeNode("pool", nodeId, "shared/big");
      expect((await ended("next")).executionInfo).toMatchObject({ result: "success" });
    } finally {
      await server.stop();
    }
  },
  180_000,
);
