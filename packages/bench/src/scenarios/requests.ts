import type { BatchClient } from "@kyanite/client/node";
import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import { type Figure, spread } from "../figures.ts";
import { startSimulation } from "../simulated/simulation.ts";
import { addJob, addTasks, firstPage, seconds, together } from "../work.ts";

const connections = 4;

interface Request {
  readonly name: string;
  readonly count: number;
  send(client: BatchClient, n: number): Promise<unknown>;
}

const newTasks = (call: number) =>
  Array.from({ length: 100 }, (_, n) => ({ id: `t${call * 100 + n}`, commandLine: "/bin/true" }));

const kinds: readonly Request[] = [
  { name: "get a task", count: 5_000, send: (client, n) => client.call("Task_Get", { jobId: "job", taskId: `t${n}` }) },
  {
    name: "list 1,000 tasks",
    count: 300,
    send: (client) => firstPage(client.list("Task_List", { jobId: "job", maxresults: 1000 })),
  },
  {
    name: "add 100 tasks",
    count: 300,
    send: (client, n) => client.call("Task_AddCollection", { jobId: "new", body: { value: newTasks(n) } }),
  },
];

/** How many requests a second a server without other work answers. */
export async function requests({ signal }: Bench): Promise<Section[]> {
  await using simulation = await startSimulation();
  using client = leanClient(simulation.account, { connections, signal });
  await addJob(client, "job", "none");
  await addJob(client, "new", "none");
  await addTasks(client, "job", 10_000);
  const figures: Figure[] = [];
  for (const { name, count, send } of kinds) {
    let samples: number[] = [];
    const time = await seconds(async () => {
      samples = await together(connections, count, (n) => send(client, n));
    });
    figures.push({ name, value: count / time, unit: "requests/s" }, ...spread(name, samples));
  }
  return [{ title: `requests on ${connections} connections`, figures }];
}
