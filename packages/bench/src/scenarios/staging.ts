import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { BatchClient } from "@kyanite/client/node";
import { createContainer, parseConnectionString, signUrl } from "@kyanite/storage";
import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import type { Figure } from "../figures.ts";
import { runProgram } from "../programs.ts";
import { startRealServer } from "../real-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { peakResidentMegabytes } from "../usage.ts";
import { addJob, addPool, seconds, whenCompleted } from "../work.ts";

const container = "bench-staging";
const file = "$AZ_BATCH_NODE_SHARED_DIR/big";

/** A large file from a node into the storage and back, beside `curl` with the same file and the same storage. */
export async function staging({ isLong, signal }: Bench): Promise<Section[]> {
  await using home = await temporaryDirectory();
  await using server = await startRealServer(home);
  using client = leanClient(server.account, { connections: 4, signal });
  const curl = (...args: string[]) =>
    seconds(() =>
      runProgram("curl", ["--fail", "--silent", "--show-error", ...args], { directory: home.path, signal }),
    );
  await addPool(client, "pool", 1, 1);
  const urlOf = await openContainer(server.storageConnectionString);
  const megabytes = isLong ? 5_000 : 200;
  await task(client, "make", { commandLine: `/bin/sh -c 'head -c ${megabytes}M /dev/zero >${file}'` });
  const agentPid = await server.agentPid();
  const [nodeDirectory = ""] = await server.nodeDirectories();
  const made = join(nodeDirectory, "root/shared/big");
  const before = peakResidentMegabytes(agentPid);

  const outputFile = {
    filePattern: file,
    destination: { container: { containerUrl: await urlOf(), path: "agent" } },
    uploadOptions: { uploadCondition: "tasksuccess" },
  };
  const outSeconds = await task(client, "out", { outputFiles: [outputFile] });
  const curlOutSeconds = await curl("-T", made, "-H", "x-ms-blob-type: BlockBlob", await urlOf("curl"));
  const isWhole = `/bin/sh -c 'test $(stat -c %s big) = ${megabytes * 1024 ** 2}'`;
  const resourceFiles = [{ httpUrl: await urlOf("agent"), filePath: "big" }];
  const inSeconds = await task(client, "in", { commandLine: isWhole, resourceFiles });
  const peak = peakResidentMegabytes(agentPid);
  const curlInSeconds = await curl("-o", "copy", await urlOf("agent"));
  await rm(join(home.path, "copy"));
  const figures: Figure[] = [
    ...besideCurl("out", megabytes / outSeconds, megabytes / curlOutSeconds),
    ...besideCurl("in", megabytes / inSeconds, megabytes / curlInSeconds),
    { name: "memory of the agent before, at most", value: before, unit: "MB" },
    { name: "memory of the agent with all of that, at most", value: peak, unit: "MB" },
  ];
  return [{ title: `${megabytes.toLocaleString("en-GB")} MB between a node and the storage`, figures }];
}

const besideCurl = (direction: string, agent: number, curl: number): Figure[] => [
  { name: `curl, ${direction}`, value: curl, unit: "MB/s" },
  { name: `the agent, ${direction}`, value: agent, unit: "MB/s" },
  { name: `the agent, ${direction} / curl`, value: agent / curl, unit: "×" },
];

/** Gives signed URLs of the container, or of a blob in it. */
async function openContainer(connectionString: string): Promise<(blob?: string) => Promise<string>> {
  const account = parseConnectionString(connectionString);
  await createContainer(account, container);
  const expiresOn = new Date(Date.now() + 24 * 3600 * 1000);
  return (blob) =>
    signUrl(account, { container, permissions: "rcw", expiresOn, ...(blob === undefined ? {} : { blob }) });
}

/** Runs a task of a job of its own; gives the seconds from adding it to its end. */
async function task(client: BatchClient, id: string, body: object): Promise<number> {
  await addJob(client, id, "pool");
  return seconds(async () => {
    await client.call("Task_Add", { jobId: id, body: { id, commandLine: "/bin/true", ...body } });
    await whenCompleted(client, id, 1);
  });
}
