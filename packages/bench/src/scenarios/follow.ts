import { type BatchClient, eventsOf } from "@kyanite/client/node";
import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import { type Figure, spread } from "../figures.ts";
import { type RealServer, startRealServer } from "../real-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { peakResidentMegabytes, residentMegabytes } from "../usage.ts";
import { addJob, addPool, seconds, whenCompleted } from "../work.ts";

/** Files that are followed: how soon a line is there, and how fast a large one is. */
export async function follow({ isLong, signal }: Bench): Promise<Section[]> {
  await using home = await temporaryDirectory();
  await using server = await startRealServer(home);
  using client = leanClient(server.account, { connections: 1_000, signal });
  await addPool(client, "pool", 1, 2);
  await addJob(client, "job", "pool");
  const figures: Figure[] = [];
  for (const followers of isLong ? [1, 100, 900] : [1, 100]) {
    const samples = await delays(client, followers);
    figures.push(...spread(`a line is written → ${followers} followers have it`, samples, { p50: { below: 300 } }));
  }
  figures.push(...(await largeFile(client, server, isLong ? 1_024 : 200)));
  return [{ title: "logs that are followed", figures }];
}

const linesOfEach = 50;

/** Milliseconds from when lines were written, which say so, to when each follower had them. */
async function delays(client: BatchClient, followers: number): Promise<number[]> {
  const id = `talker-${followers}`;
  const commandLine = "/bin/sh -c 'while :; do date +%s%N; sleep 0.1; done'";
  await client.call("Task_Add", { jobId: "job", body: { id, commandLine } });
  const all = Array.from({ length: followers }, () => delaysOfOne(client, id));
  const samples = (await Promise.all(all)).flat();
  await client.call("Task_Terminate", { jobId: "job", taskId: id });
  return samples;
}

async function delaysOfOne(client: BatchClient, taskId: string): Promise<number[]> {
  const query = { files: "stdout.txt", follow: true, tail: 0 };
  const { body } = await client.file("Task_GetLogs", { jobId: "job", taskId, ...query });
  const samples: number[] = [];
  for await (const { event, data } of eventsOf(body)) {
    if (event !== "line") continue;
    const now = performance.timeOrigin + performance.now();
    samples.push(now - Number(Object(data).line) / 1e6);
    if (samples.length === linesOfEach) break;
  }
  return samples;
}

async function largeFile(client: BatchClient, server: RealServer, megabytes: number): Promise<Figure[]> {
  await addJob(client, "large", "pool");
  const commandLine = `/bin/sh -c 'head -c ${megabytes}M /dev/zero >big'`;
  await client.call("Task_Add", { jobId: "large", body: { id: "big", commandLine } });
  await whenCompleted(client, "large", 1);
  const before = residentMegabytes(server.pid);
  let most = before;
  const time = await seconds(async () => {
    const asked = { jobId: "large", taskId: "big", filePath: "wd/big", follow: true };
    for await (const _ of (await client.file("File_GetFromTask", asked)).body)
      most = Math.max(most, residentMegabytes(server.pid));
  });
  return [
    { name: `a file of ${megabytes.toLocaleString("en-GB")} MB, followed`, value: megabytes / time, unit: "MB/s" },
    { name: "memory that it takes the server meanwhile", value: most - before, unit: "MB" },
    { name: "memory of the agent, at most", value: peakResidentMegabytes(await server.agentPid()), unit: "MB" },
  ];
}
