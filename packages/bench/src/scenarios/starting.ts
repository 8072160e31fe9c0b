import type { BatchClient } from "@kyanite/client/node";
import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import { type Figure, medianOf } from "../figures.ts";
import { addTasksBySql } from "../many-tasks.ts";
import { type RealServer, startRealServer } from "../real-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../temporary-directory.ts";
import { familyMegabytes, proportionalMegabytes, residentMegabytes } from "../usage.ts";
import { addJob, addPool, addTasks, nodeCounts, seconds, until, whenCompleted } from "../work.ts";

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
  await using other = await temporaryDirectory();
  return [
    { title: "starting, nothing there yet", figures: first },
    { title: `starting again, ${count.toLocaleString("en-GB")} tasks in the database`, figures: second },
    { title: "many nodes on one machine", figures: await manyNodes(other, signal) },
  ];
}

const most = 200;

/** Hundreds of nodes, which one agent serves: how soon they are there, and what they take. */
async function manyNodes(home: TemporaryDirectory, signal: AbortSignal): Promise<Figure[]> {
  await using server = await startRealServer(home);
  using client = leanClient(server.account, { connections: 4, signal });
  await addPool(client, "first", 1, 1);
  const memory = async () => familyMegabytes(await server.agentPid(), server.dataDirectory);
  const before = await memory();
  const idle = await seconds(() => addPool(client, "many", most, 1));
  const atOnce = await memory();
  await addJob(client, "spread", "many");
  const tasks = await seconds(() => drainSpread(client));
  await until(async () => (await nodeCounts(client, "many")).idle === most);
  const after = await memory();
  const figures: Figure[] = [
    { name: `pool of ${most}, create → all idle`, value: idle, unit: "s", target: { below: 3 } },
    {
      name: `agent and all that it has started, ${most} idle nodes`,
      value: atOnce,
      unit: "MB",
      target: { below: 1_000 },
    },
    { name: "each further node, idle", value: (atOnce - before) / most, unit: "MB", target: { below: 5 } },
    {
      name: `agent and all that it has started, when each has run tasks`,
      value: after,
      unit: "MB",
      target: { below: 1_000 },
    },
    { name: `${10 * most} tasks on them`, value: (10 * most) / tasks, unit: "tasks/s" },
  ];
  const emptied = await seconds(async () => {
    await client.call("Pool_Resize", { poolId: "many", body: { targetDedicatedNodes: 0 } });
    await until(async () => (await nodeCounts(client, "many")).total === 0);
  });
  await removePool(client, "first");
  return [...figures, { name: `pool of ${most} → 0`, value: emptied, unit: "s" }];
}

async function drainSpread(client: BatchClient): Promise<void> {
  await addTasks(client, "spread", 10 * most);
  await whenCompleted(client, "spread", 10 * most);
}

/** Starts a server, has its first task run, and goes on with it as `then` says. */
async function start(
  home: TemporaryDirectory,
  { id, signal }: { id: string; signal: AbortSignal },
  goOn: (client: BatchClient, server: RealServer) => Promise<Figure[]>,
): Promise<Figure[]> {
  const begin = performance.now();
  const secondsSoFar = () => (performance.now() - begin) / 1000;
  await using server = await startRealServer(home);
  const ready = secondsSoFar();
  using client = leanClient(server.account, { connections: 4, signal });
  await addPool(client, id, 1, 1);
  await addJob(client, id, id);
  await client.call("Task_Add", { jobId: id, body: { id: "t", commandLine: "/bin/true" } });
  await whenCompleted(client, id, 1);
  const done = secondsSoFar();
  const figures: Figure[] = [
    { name: "until the server answers", value: ready, unit: "s" },
    { name: "until a first task has completed, on a pool made for it", value: done, unit: "s" },
    {
      name: "memory of the agent after its first task",
      value: residentMegabytes(await server.agentPid()),
      unit: "MB",
      target: { below: 70 },
    },
  ];
  figures.push(...(await goOn(client, server)));
  await removePool(client, id);
  return figures;
}

async function poolsAndMemory(client: BatchClient, { pid }: RealServer): Promise<Figure[]> {
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
    await client.call("Pool_Resize", { poolId: "pool50-0", body: { targetDedicatedNodes: 0 } });
    await until(async () => (await nodeCounts(client, "pool50-0")).total === 0);
  });
  return [...figures, { name: "pool of 50 → 0", value: emptied, unit: "s" }];
}

async function removePool(client: BatchClient, id: string): Promise<void> {
  await client.call("Pool_Delete", { poolId: id });
  await until(async () => (await nodeCounts(client, id)).total === 0);
}
