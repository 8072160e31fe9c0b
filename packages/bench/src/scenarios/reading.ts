import { type RawClient, rawClient } from "../client.ts";
import { type Figure, percentile } from "../figures.ts";
import { addTasksBySql } from "../many-tasks.ts";
import { startSimulation } from "../simulated/simulation.ts";
import { residentMegabytes } from "../usage.ts";
import { addJob, addPool, seconds } from "../work.ts";

const queries: Readonly<Record<string, string>> = {
  "one task": "/jobs/job/tasks/t500",
  "a page of 1,000 tasks": "/jobs/job/tasks?maxresults=1000",
  "a page of 100, filtered by state": "/jobs/job/tasks?maxresults=100&$filter=state%20eq%20'completed'",
  "a page of 100, filtered by id": "/jobs/job/tasks?maxresults=100&$filter=startswith(id,'t99')",
  "a page of 100, two properties": "/jobs/job/tasks?maxresults=100&$select=id,state",
  "task counts": "/jobs/job/taskcounts",
};

/** Reading among many tasks while nodes are at work. */
export async function reading({ isLong }: { isLong: boolean }): Promise<Figure[]> {
  const count = isLong ? 1_000_000 : 100_000;
  const scenario = `reading among ${count.toLocaleString("en-GB")} tasks, nodes at work`;
  await using simulation = await startSimulation();
  const client = rawClient(simulation.account, 1);
  await addPool(client, "pool", 50, 4);
  await addJob(client, "job", "pool");
  await addTasksBySql(simulation.database, "job", count);
  const figures: Figure[] = [];
  for (const [name, path] of Object.entries(queries)) figures.push(...(await timed(client, { scenario, name, path })));
  figures.push({ scenario, name: "memory of the server", value: residentMegabytes(simulation.serverPid), unit: "MB" });
  client.close();
  return figures;
}

async function timed(
  client: RawClient,
  { scenario, name, path }: { scenario: string; name: string; path: string },
): Promise<Figure[]> {
  const samples: number[] = [];
  for (let n = 0; n < 30; n++) samples.push(1000 * (await seconds(() => client.call("GET", path))));
  return [0.5, 0.99].map((share) => ({
    scenario,
    name: `${name}, p${share * 100}`,
    value: percentile(samples, share),
    unit: "ms",
  }));
}
