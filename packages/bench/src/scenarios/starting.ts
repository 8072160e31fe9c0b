import { rawClient } from "../client.ts";
import { type Figure, median } from "../figures.ts";
import { type BenchServer, startRealServer } from "../real-server.ts";
import { proportionalMegabytes, residentMegabytes } from "../usage.ts";
import { addJob, addPool, nodeCounts, seconds, until, whenCompleted } from "../work.ts";

const scenario = "starting";

/** From nothing to work done, and from no node to many. */
export async function starting(): Promise<Figure[]> {
  const started: { server?: BenchServer } = {};
  const ready = await seconds(async () => {
    started.server = await startRealServer();
  });
  if (!started.server) throw new Error("no server");
  await using server = started.server;
  const client = rawClient(server.account, 4);
  const firstTask = await seconds(async () => {
    await addPool(client, "first", 1, 1);
    await addJob(client, "first", "first");
    await client.call("POST", "/jobs/first/tasks", { id: "t", commandLine: "/bin/true" });
    await whenCompleted(client, "first", 1);
  });
  const figures: Figure[] = [
    { scenario, name: "server, until it answers, new database", value: ready, unit: "s" },
    { scenario, name: "then pool, job and task, until it has completed", value: firstTask, unit: "s" },
  ];
  for (const nodes of [1, 10, 50]) figures.push(...(await pool(client, nodes)));
  figures.push({ scenario, name: "memory of the server", value: residentMegabytes(server.pid), unit: "MB" });
  figures.push({
    scenario,
    name: "memory of the server and what it started",
    value: proportionalMegabytes(server.pid),
    unit: "MB",
  });
  client.close();
  return figures;
}

async function pool(client: ReturnType<typeof rawClient>, nodes: number): Promise<Figure[]> {
  const id = `pool${nodes}`;
  const samples: number[] = [];
  for (let n = 0; n < (nodes === 1 ? 5 : 1); n++)
    samples.push(await seconds(() => addPool(client, `${id}-${n}`, nodes, 1)));
  const figure = { scenario, name: `pool of ${nodes}, create → all idle`, value: median(samples), unit: "s" };
  if (nodes < 50) return [figure];
  const isSteady = async () =>
    (await client.call<{ allocationState: string }>("GET", `/pools/${id}-0`)).allocationState === "steady";
  await until(isSteady);
  const emptied = await seconds(async () => {
    await client.call("POST", `/pools/${id}-0/resize`, { targetDedicatedNodes: 0 });
    await until(async () => (await nodeCounts(client, `${id}-0`)).total === 0);
  });
  return [figure, { scenario, name: `pool of ${nodes} → 0`, value: emptied, unit: "s" }];
}
