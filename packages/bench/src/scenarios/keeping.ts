import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BatchClient } from "@kyanite/client/node";
import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import { type Figure, median, type Target } from "../figures.ts";
import { type RealServer, startRealServer } from "../real-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { cpuSeconds } from "../usage.ts";
import { addPool, addTasks, addWaitingJob, letGo } from "../work.ts";

const rounds = 5;
const modes = ["none", "all"] as const;

interface Output {
  readonly title: string;
  readonly line: string;
  readonly count: number;
  /** Of the CPU time with kept logs over that without. */
  readonly target?: Target;
}

const outputs: readonly Output[] = [
  { title: "no output", line: "/bin/true", count: 2_000, target: { below: 1.01 } },
  { title: "a short line", line: "/bin/echo hello", count: 2_000, target: { below: 1.05 } },
  { title: "2 KB of random text", line: "/bin/sh -c 'head -c 1500 /dev/urandom | base64'", count: 1_000 },
];

/** What it costs to keep what tasks have written: CPU time, which other work on the machine does not change. */
export async function keeping({ signal }: Bench): Promise<Section[]> {
  await using home = await temporaryDirectory();
  await using server = await startRealServer(home);
  using client = leanClient(server.account, { connections: 4, signal });
  await addPool(client, "pool", 1, 4);
  const used = await cpuOf(server);
  const sections: Section[] = [];
  for (const output of outputs) sections.push(await compare(client, output, used));
  return sections;
}

/** CPU time so far of the server, its database and its agent; not of the tasks themselves. */
async function cpuOf({ pid, dataDirectory, agentPid }: RealServer): Promise<() => number> {
  const postmaster = await readFile(join(dataDirectory, "postgres/data/postmaster.pid"), "utf8");
  const [databasePid, agent] = [Number.parseInt(postmaster, 10), await agentPid()];
  return () => cpuSeconds(pid) + cpuSeconds(databasePid, true) + cpuSeconds(agent);
}

async function compare(client: BatchClient, { title, line, count, target }: Output, used: () => number) {
  const samples = { none: [] as number[], all: [] as number[] };
  for (let round = 0; round < rounds; round++)
    for (const runs of modes) {
      const jobId = `${title.replaceAll(/\W/g, "-")}-${runs}-${round}`;
      await addWaitingJob(client, jobId, "pool");
      await addTasks(client, jobId, count, { commandLine: line, more: { keptLogs: { runs } } });
      const before = used();
      await letGo(client, jobId, count);
      samples[runs].push((1e6 * (used() - before)) / count);
    }
  const figures: Figure[] = modes.map((runs) => ({
    name: `kept: ${runs}`,
    value: median(samples[runs]),
    unit: "µs a task",
  }));
  const ratio = { name: "all / none", value: median(samples.all) / median(samples.none), unit: "×", target };
  return { title: `what is kept of tasks: ${title}`, figures: [...figures, ratio] };
}
