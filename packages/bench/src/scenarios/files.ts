import type { BatchServiceClient } from "@azure/batch";
import type { BatchClient } from "@kyanite/client/node";
import type { Bench, Section } from "../bench.ts";
import { leanClient, officialClient } from "../client.ts";
import { type Figure, spread } from "../figures.ts";
import { type RealServer, startRealServer } from "../real-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { peakResidentMegabytes, residentMegabytes } from "../usage.ts";
import { addJob, addPool, seconds, together, until, whenCompleted } from "../work.ts";

/** Files of a node through the service, which must not keep them. */
export async function files({ isLong, signal }: Bench): Promise<Section[]> {
  await using home = await temporaryDirectory();
  await using server = await startRealServer(home);
  using client = leanClient(server.account, { connections: 4, signal });
  const official = officialClient(server.account);
  await addPool(client, "pool", 1, 2);
  await addJob(client, "job", "pool");
  const ranges = await rangesOfOutput(client, official, signal);
  const large = await largeFile(client, official, { server, megabytes: isLong ? 1_024 : 200, signal });
  return [{ title: "files of a node through the service", figures: [...ranges, ...large] }];
}

/** Reads on from where it was, as one who follows a task's output does. */
async function rangesOfOutput(
  client: BatchClient,
  official: BatchServiceClient,
  signal: AbortSignal,
): Promise<Figure[]> {
  const commandLine = "/bin/sh -c 'while :; do seq 2000; sleep 0.01; done'";
  await client.call("Task_Add", { jobId: "job", body: { id: "talker", commandLine } });
  const sizeBytes = 4096;
  const isThere = () =>
    official.file.getPropertiesFromTask("job", "talker", "stdout.txt").then(
      ({ contentLength }) => (contentLength ?? 0) > sizeBytes * 200,
      () => false,
    );
  await until(async () => {
    signal.throwIfAborted();
    return isThere();
  });
  const samples = await together(1, 200, async (n) => {
    signal.throwIfAborted();
    const ocpRange = `bytes=${n * sizeBytes}-${(n + 1) * sizeBytes - 1}`;
    const options = { fileGetFromTaskOptions: { ocpRange } };
    await drop((await official.file.getFromTask("job", "talker", "stdout.txt", options)).readableStreamBody, signal);
  });
  const { state } = (await client.call("Task_Get", { jobId: "job", taskId: "talker" })).body;
  if (state !== "running") throw new Error(`the task whose output was read is ${state}`);
  await client.call("Task_Terminate", { jobId: "job", taskId: "talker" });
  return spread("4 KB of stdout.txt of a running task", samples);
}

async function largeFile(
  client: BatchClient,
  official: BatchServiceClient,
  { server, megabytes, signal }: { server: RealServer; megabytes: number; signal: AbortSignal },
): Promise<Figure[]> {
  await addJob(client, "large", "pool");
  const commandLine = `/bin/sh -c 'head -c ${megabytes}M /dev/zero >big'`;
  await client.call("Task_Add", { jobId: "large", body: { id: "big", commandLine } });
  await whenCompleted(client, "large", 1);
  const agentPid = await server.agentPid();
  const before = residentMegabytes(server.pid);
  let most = before;
  const time = await seconds(async () => {
    const { readableStreamBody } = await official.file.getFromTask("large", "big", "wd/big");
    await drop(readableStreamBody, signal, () => {
      most = Math.max(most, residentMegabytes(server.pid));
    });
  });
  return [
    { name: `a file of ${megabytes.toLocaleString("en-GB")} MB`, value: megabytes / time, unit: "MB/s" },
    { name: "memory that it takes the server meanwhile", value: most - before, unit: "MB" },
    { name: "memory of the agent, at most", value: peakResidentMegabytes(agentPid), unit: "MB" },
  ];
}

async function drop(stream: NodeJS.ReadableStream | undefined, signal: AbortSignal, onChunk = () => {}): Promise<void> {
  for await (const _ of stream ?? []) {
    signal.throwIfAborted();
    onChunk();
  }
}
