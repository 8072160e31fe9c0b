import type { BatchClient } from "@kyanite/client/node";
import type { Bench, Section } from "../bench.ts";
import { type Account, leanClient, officialClient } from "../client.ts";
import { type Figure, medianOf } from "../figures.ts";
import { startSimulation } from "../simulated/simulation.ts";
import { addJob, addTasks, seconds, together } from "../work.ts";

const runs = 3;

/** How fast tasks are taken: acknowledged means committed. */
export async function ingest({ signal }: Bench): Promise<Section[]> {
  await using simulation = await startSimulation();
  const { account } = simulation;
  const figures: Figure[] = [];
  for (const connections of [1, 4, 16]) {
    using client = leanClient(account, { connections, signal });
    figures.push(await collections(client, connections));
  }
  figures.push(await officialCollections(account, signal));
  for (const connections of [1, 4]) {
    using client = leanClient(account, { connections, signal });
    figures.push(await singles(client, connections));
  }
  for (const connections of [1, 4]) figures.push(await officialSingles(account, { connections, signal }));
  return [{ title: "adding tasks", figures }];
}

const many = (connections: number) => (connections === 1 ? "1 connection" : `${connections} connections`);

async function collections(client: BatchClient, connections: number): Promise<Figure> {
  const count = 20_000;
  const value = await medianOf(runs, async (run) => {
    const jobId = `bulk${connections}-${run}`;
    await addJob(client, jobId, "none");
    return count / (await seconds(() => addTasks(client, jobId, count, { connections })));
  });
  const target = connections === 4 ? { atLeast: 15_000 } : undefined;
  return { name: `100 a call, ${many(connections)}`, value, unit: "tasks/s", target };
}

async function officialCollections(account: Account, signal: AbortSignal): Promise<Figure> {
  const client = officialClient(account);
  const calls = Array.from({ length: 50 }, (_, call) =>
    Array.from({ length: 100 }, (_, n) => ({ id: `t${call * 100 + n}`, commandLine: "/bin/true" })),
  );
  const value = await medianOf(runs, async (run) => {
    await client.job.add({ id: `official${run}`, poolInfo: { poolId: "none" } });
    const time = await seconds(async () => {
      for (const tasks of calls) {
        signal.throwIfAborted();
        await client.task.addCollection(`official${run}`, tasks);
      }
    });
    return (calls.length * 100) / time;
  });
  return { name: "100 a call, @azure/batch, one call after the other", value, unit: "tasks/s" };
}

async function singles(client: BatchClient, connections: number): Promise<Figure> {
  const count = 1_000;
  const value = await medianOf(runs, async (run) => {
    const jobId = `single${connections}-${run}`;
    await addJob(client, jobId, "none");
    const add = (n: number) => client.call("Task_Add", { jobId, body: { id: `t${n}`, commandLine: "/bin/true" } });
    return count / (await seconds(() => together(connections, count, add)));
  });
  return { name: `one a call, ${many(connections)}`, value, unit: "tasks/s" };
}

async function officialSingles(
  account: Account,
  { connections, signal }: { connections: number; signal: AbortSignal },
): Promise<Figure> {
  const client = officialClient(account);
  const count = 500;
  const value = await medianOf(runs, async (run) => {
    const jobId = `official-single${connections}-${run}`;
    await client.job.add({ id: jobId, poolInfo: { poolId: "none" } });
    const add = async (n: number) => {
      signal.throwIfAborted();
      await client.task.add(jobId, { id: `t${n}`, commandLine: "/bin/true" });
    };
    return count / (await seconds(() => together(connections, count, add)));
  });
  return { name: `one a call, @azure/batch, ${connections} at a time`, value, unit: "tasks/s" };
}
