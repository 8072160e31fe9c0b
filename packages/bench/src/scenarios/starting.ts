import type { Bench, Section } from "../bench.ts";
import { type RawClient, rawClient } from "../client.ts";
import { type Figure, medianOf } from "../figures.ts";
import { addTasksBySql } from "../many-tasks.ts";
import { type RealServer, startRealServer } from "../real-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../temporary-directory.ts";
import { proportionalMegabytes, residentMegabytes } from "../usage.ts";
import { addJob, addPool, nodeCounts, seconds, until, whenCompleted } from "../work.ts";

/** From nothing to work done, the same with much in the database, and from no node to many. */
export async function starting({ isLong, signal }: Bench): Promise<Section[]> {
  const count = isLong ? 1_000_000 : 100_000;
  await using home = await temporaryDirectory();
  const first = await start(home, { id: "first", signal }, async (client, { database }) => {
    await addJob(client, "waiting", "none");
    await addTasksBySql(database, { jobId: "waiting", count, signal });
    return [];
  });
  const second = await start(home, { id: "second", signal }, poolsAndMemory);
  return [
    { title: "starting, nothing there yet", figures: first },
    { title: `starting again, ${count.toLocaleString("en-GB")} tasks in the database`, figures: second },
  ];
}

/** Starts a server, has its first task run, and goes on with it as `then` says. */
async function start(
  home: TemporaryDirectory,
  { id, signal }: { id: string; signal: AbortSignal },
  goOn: (client: RawClient, server: RealServer) => Promise<Figure[]>,
): Promise<Figure[]> {
  const begin = performance.now();
  const secondsSoFar = () => (performance.now() - begin) / 1000;
  await using server = await startRealServer(home);
  const ready = secondsSoFar();
  using client = rawClient(server.account, { connections: 4, signal });
  await addPool(client, id, 1, 1);
  await addJob(client, id, id);
  await client.call("POST", `/jobs/${id}/tasks`, { id: "t", commandLine: "/bin/true" });
  await whenCompleted(client, id, 1);
  const done = secondsSoFar();
  const [agent] = await server.agents();
  const figures: Figure[] = [
    { name: "until the server answers", value: ready, unit: "s" },
    { name: "until a first task has completed, on a pool made for it", value: done, unit: "s" },
    {
      name: "memory of the agent after its first task",
      value: residentMegabytes(agent?.pid ?? 0),
      unit: "MB",
      target: { below: 70 },
    },
  ];
  figures.push(...(await goOn(client, server)));
  await removePool(client, id);
  return figures;
}

async function poolsAndMemory(client: RawClient, { pid }: RealServer): Promise<Figure[]> {
  const create = (nodes: number, runs: number) =>
    medianOf(runs, async (run) => {
      const id = `pool${nodes}-${run}`;
      const time = await seconds(() => addPool(client, id, nodes, 1));
      if (run < runs - 1) await removePool(client, id);
      return time;
    });
  const figures: Figure[] = [
    { name: "node, create → idle", value: await create(1, 5), unit: "s", target: { below: 1 } },
    { name: "pool of 10, create → all idle", value: await create(10, 3), unit: "s" },
    { name: "pool of 50, create → all idle", value: await create(50, 1), unit: "s" },
    { name: "memory of the server", value: residentMegabytes(pid), unit: "MB" },
    { name: "memory of the server and what it started", value: proportionalMegabytes(pid), unit: "MB" },
  ];
  const emptied = await seconds(async () => {
    await client.call("POST", "/pools/pool50-0/resize", { targetDedicatedNodes: 0 });
    await until(async () => (await nodeCounts(client, "pool50-0")).total === 0);
  });
  return [...figures, { name: "pool of 50 → 0", value: emptied, unit: "s" }];
}

async function removePool(client: RawClient, id: string): Promise<void> {
  await client.call("DELETE", `/pools/${id}`);
  await until(async () => (await nodeCounts(client, id)).total === 0);
}
