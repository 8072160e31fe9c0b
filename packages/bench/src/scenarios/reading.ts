import type { BatchClient } from "@kyanite/client/node";
import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import { type Figure, spread, type Target } from "../figures.ts";
import { addTasksBySql } from "../many-tasks.ts";
import { startSimulation } from "../simulated/simulation.ts";
import { residentMegabytes } from "../usage.ts";
import { addJob, addPool, firstPage, together } from "../work.ts";

interface Query {
  readonly name: string;
  send(client: BatchClient): Promise<unknown>;
  readonly p50?: Target;
}

const page = (more: object) => (client: BatchClient) => firstPage(client.list("Task_List", { jobId: "job", ...more }));
const p50 = { below: 50 };
const queries: readonly Query[] = [
  { name: "one task", send: (client) => client.call("Task_Get", { jobId: "job", taskId: "t500" }) },
  { name: "a page of 1,000 tasks", send: page({ maxresults: 1000 }), p50 },
  {
    name: "a page of 100, filtered by state",
    send: page({ maxresults: 100, $filter: "state eq 'completed'" }),
    p50,
  },
  {
    name: "a page of 100, filtered by result, of which there is none",
    send: page({ maxresults: 100, $filter: "executionInfo/result eq 'failure'" }),
    p50,
  },
  {
    name: "a page of 100, filtered by id",
    send: page({ maxresults: 100, $filter: "startswith(id,'t99')" }),
    p50,
  },
  { name: "a page of 100, two properties", send: page({ maxresults: 100, $select: "id,state" }), p50 },
  {
    name: "task counts",
    send: (client) => client.call("Job_GetTaskCounts", { jobId: "job" }),
    p50: { below: 10 },
  },
];

/** Reading among many tasks while nodes are at work. */
export async function reading({ isLong, signal }: Bench): Promise<Section[]> {
  const count = isLong ? 1_000_000 : 100_000;
  await using simulation = await startSimulation();
  using client = leanClient(simulation.account, { connections: 1, signal });
  await addPool(client, "pool", 50, 4);
  await addJob(client, "job", "pool");
  await addTasksBySql(simulation.database, { jobId: "job", count, signal });
  const figures: Figure[] = [];
  for (const { name, send, ...targets } of queries) {
    const samples = await together(1, 50, () => send(client));
    figures.push(...spread(name, samples, targets));
  }
  figures.push({ name: "memory of the server", value: residentMegabytes(simulation.serverPid), unit: "MB" });
  return [{ title: `reading among ${count.toLocaleString("en-GB")} tasks, nodes at work`, figures }];
}
