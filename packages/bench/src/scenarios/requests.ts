import type { Bench, Section } from "../bench.ts";
import { type RawClient, rawClient } from "../client.ts";
import { type Figure, spread } from "../figures.ts";
import { startSimulation } from "../simulated/simulation.ts";
import { addJob, addTasks, seconds, together } from "../work.ts";

const connections = 4;

interface Request {
  readonly name: string;
  readonly count: number;
  send(client: RawClient, n: number): Promise<unknown>;
}

const newTasks = (call: number) =>
  Array.from({ length: 100 }, (_, n) => ({ id: `t${call * 100 + n}`, commandLine: "/bin/true" }));

const kinds: readonly Request[] = [
  { name: "get a task", count: 5_000, send: (client, n) => client.call("GET", `/jobs/job/tasks/t${n}`) },
  { name: "list 1,000 tasks", count: 300, send: (client) => client.call("GET", "/jobs/job/tasks?maxresults=1000") },
  {
    name: "add 100 tasks",
    count: 300,
    send: (client, n) => client.call("POST", "/jobs/new/addtaskcollection", { value: newTasks(n) }),
  },
];

/** How many requests a second a server without other work answers. */
export async function requests({ signal }: Bench): Promise<Section[]> {
  await using simulation = await startSimulation();
  using client = rawClient(simulation.account, { connections, signal });
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
