import { BatchServiceClient, BatchSharedKeyCredentials } from "@azure/batch";
import { type RawClient, rawClient } from "../client.ts";
import type { Figure } from "../figures.ts";
import { startSimulation } from "../simulated/simulation.ts";
import { addJob, addTasks, seconds } from "../work.ts";

const scenario = "adding tasks";

/** How fast tasks are taken: acknowledged means committed. */
export async function ingest(): Promise<Figure[]> {
  await using simulation = await startSimulation();
  const { account } = simulation;
  const figures: Figure[] = [];
  for (const connections of [1, 4, 16]) {
    const client = rawClient(account, connections);
    await addJob(client, `bulk${connections}`, "none");
    const count = 20_000;
    const time = await seconds(() => addTasks(client, `bulk${connections}`, count, { connections }));
    figures.push({ scenario, name: `100 a call, ${connections} connections`, value: count / time, unit: "tasks/s" });
    client.close();
  }
  figures.push(...(await singleAdds(account)), await officialClient(account));
  return figures;
}

async function singleAdds(account: Parameters<typeof rawClient>[0]): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const connections of [1, 4]) {
    const client = rawClient(account, connections);
    await addJob(client, `single${connections}`, "none");
    const count = 2_000;
    const time = await seconds(() => addSingly(client, `single${connections}`, count, connections));
    figures.push({ scenario, name: `one a call, ${connections} connections`, value: count / time, unit: "tasks/s" });
    client.close();
  }
  return figures;
}

async function addSingly(client: RawClient, jobId: string, count: number, connections: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, n) => `t${n}`);
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (let id = ids.shift(); id !== undefined; id = ids.shift())
        await client.call("POST", `/jobs/${jobId}/tasks`, { id, commandLine: "/bin/true" });
    }),
  );
}

async function officialClient({ url, name, key }: Parameters<typeof rawClient>[0]): Promise<Figure> {
  const client = new BatchServiceClient(new BatchSharedKeyCredentials(name, key), url);
  await client.job.add({ id: "official", poolInfo: { poolId: "none" } });
  const calls = Array.from({ length: 50 }, (_, call) =>
    Array.from({ length: 100 }, (_, n) => ({ id: `t${call * 100 + n}`, commandLine: "/bin/true" })),
  );
  const time = await seconds(async () => {
    for (const tasks of calls) await client.task.addCollection("official", tasks);
  });
  return { scenario, name: "100 a call, @azure/batch, one after the other", value: 5_000 / time, unit: "tasks/s" };
}
