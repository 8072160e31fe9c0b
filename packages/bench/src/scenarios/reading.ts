import type { Bench, Section } from "../bench.ts";
import { rawClient } from "../client.ts";
import { type Figure, spread, type Target } from "../figures.ts";
import { addTasksBySql } from "../many-tasks.ts";
import { startSimulation } from "../simulated/simulation.ts";
import { residentMegabytes } from "../usage.ts";
import { addJob, addPool, together } from "../work.ts";

interface Query {
  readonly name: string;
  readonly path: string;
  readonly p50?: Target;
}

const page = { below: 50 };
const queries: readonly Query[] = [
  { name: "one task", path: "/jobs/job/tasks/t500" },
  { name: "a page of 1,000 tasks", path: "/jobs/job/tasks?maxresults=1000", p50: page },
  {
    name: "a page of 100, filtered by state",
    path: "/jobs/job/tasks?maxresults=100&$filter=state%20eq%20'completed'",
    p50: page,
  },
  {
    name: "a page of 100, filtered by result, of which there is none",
    path: "/jobs/job/tasks?maxresults=100&$filter=executionInfo/result%20eq%20'failure'",
    p50: page,
  },
  {
    name: "a page of 100, filtered by id",
    path: "/jobs/job/tasks?maxresults=100&$filter=startswith(id,'t99')",
    p50: page,
  },
  { name: "a page of 100, two properties", path: "/jobs/job/tasks?maxresults=100&$select=id,state", p50: page },
  { name: "task counts", path: "/jobs/job/taskcounts", p50: { below: 10 } },
];

/** Reading among many tasks while nodes are at work. */
export async function reading({ isLong, signal }: Bench): Promise<Section[]> {
  const count = isLong ? 1_000_000 : 100_000;
  await using simulation = await startSimulation();
  using client = rawClient(simulation.account, { connections: 1, signal });
  await addPool(client, "pool", 50, 4);
  await addJob(client, "job", "pool");
  await addTasksBySql(simulation.database, { jobId: "job", count, signal });
  const figures: Figure[] = [];
  for (const { name, path, ...targets } of queries) {
    const samples = await together(1, 50, () => client.call("GET", path));
    figures.push(...spread(name, samples, targets));
  }
  figures.push({ name: "memory of the server", value: residentMegabytes(simulation.serverPid), unit: "MB" });
  return [{ title: `reading among ${count.toLocaleString("en-GB")} tasks, nodes at work`, figures }];
}
