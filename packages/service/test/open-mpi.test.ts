import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { BatchServiceClient } from "@azure/batch";
import { aPool, batchClient, type RunningService, runningService, storageContainer, until } from "@kyanite/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const mpirun = "/usr/bin/mpirun";
const python = "/usr/bin/python3";
const isPresent = [mpirun, python].every((program) => existsSync(program));
if (!isPresent) console.warn(`skipped: Open MPI needs ${mpirun} (Debian's openmpi-bin) and ${python}`);

const example = (name: string) => new URL(`../../../examples/mpi/${name}`, import.meta.url);
const files = ["coordinate.sh", "launch.sh", "run.sh", "hello.py"];

/** Open MPI waits for seconds, and again, when a process is slow to call back. */
const patience = 150_000;

describe.skipIf(!isPresent)("Open MPI across three local nodes", { timeout: patience }, () => {
  let service: RunningService;
  let client: BatchServiceClient;
  /** What the nodes have in common. */
  let doors: string;
  beforeAll(async () => {
    doors = await mkdtemp(join(tmpdir(), "kyanite-mpi-"));
    await chmod(doors, 0o777);
    service = await runningService({ settings: { mountSources: `mpi:/doors=${doors}` } });
    client = batchClient(service);
    const nfsMountConfiguration = { source: "mpi:/doors", relativeMountPath: "doors" };
    await client.pool.add(
      aPool("mpi", {
        targetDedicatedNodes: 3,
        enableInterNodeCommunication: true,
        mountConfiguration: [{ nfsMountConfiguration }],
      }),
    );
    await client.job.add({ id: "mpi", poolInfo: { poolId: "mpi" } });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await rm(doors, { recursive: true, force: true });
  });

  const outputOf = async (task: { id: string; commandLine: string; coordinationCommandLine: string }) => {
    const container = await storageContainer(service, "mpi");
    for (const name of files) await container.upload(name, await readFile(example(name), "utf8"));
    await client.task.add("mpi", {
      id: task.id,
      commandLine: task.commandLine,
      multiInstanceSettings: {
        numberOfInstances: 3,
        coordinationCommandLine: task.coordinationCommandLine,
        commonResourceFiles: files.map((name) => ({ httpUrl: container.urlOf(name), filePath: name })),
      },
    });
    const { executionInfo } = await until(
      () => client.task.get("mpi", task.id),
      ({ state }) => state === "completed",
      120,
    );
    const read = async (name: string) => {
      const { readableStreamBody } = await client.file.getFromTask("mpi", task.id, name);
      return readableStreamBody ? text(readableStreamBody) : "";
    };
    expect(executionInfo?.exitCode, await read("stderr.txt")).toBe(0);
    return (await read("stdout.txt")).trim().split("\n").sort();
  };

  test("the host list is all that mpirun needs to start every process on this machine", async () => {
    const lines = await outputOf({
      id: "hosts",
      coordinationCommandLine: "true",
      commandLine: `/bin/sh -c 'mpirun --host $AZ_BATCH_HOST_LIST -n 3 --oversubscribe ${python} $AZ_BATCH_TASK_SHARED_DIR/hello.py'`,
    });
    expect(lines.map((line) => line.replace(/ on .*:/, ""))).toEqual(
      [0, 1, 2].map((rank) => `rank ${rank} of 3 sum 3`),
    );
  });

  test("the example's launcher starts a process on each node", async () => {
    const lines = await outputOf({
      id: "nodes",
      coordinationCommandLine: "/bin/sh -c '$AZ_BATCH_TASK_SHARED_DIR/coordinate.sh'",
      commandLine: `/bin/sh -c '$AZ_BATCH_TASK_SHARED_DIR/run.sh ${python} hello.py'`,
    });
    expect(lines.map((line) => line.replace(/ on .*:/, ""))).toEqual(
      [0, 1, 2].map((rank) => `rank ${rank} of 3 sum 3`),
    );
    const nodes = await client.computeNode.list("mpi");
    expect(lines.map((line) => / on (.*):/.exec(line)?.[1]).sort()).toEqual(nodes.map(({ id }) => id).sort());
  });
});
