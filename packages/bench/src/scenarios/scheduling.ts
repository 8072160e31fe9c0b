import { rawClient } from "../client.ts";
import type { Figure } from "../figures.ts";
import { addTasksBySql } from "../many-tasks.ts";
import { startSimulation } from "../simulated/simulation.ts";
import { cpuSeconds, proportionalMegabytes, residentMegabytes } from "../usage.ts";
import { addJob, addPool, seconds, until, whenCompleted } from "../work.ts";

const scenario = "scheduling with simulated agents";
const slots = 4;

interface Load {
  readonly nodes: number;
  readonly backlog: number;
  /** How many completions are timed. */
  readonly timed: number;
}

const loads: readonly Load[] = [
  { nodes: 100, backlog: 20_000, timed: 20_000 },
  { nodes: 1_000, backlog: 20_000, timed: 20_000 },
  { nodes: 100, backlog: 100_000, timed: 20_000 },
];
const longLoads: readonly Load[] = [
  { nodes: 5_000, backlog: 100_000, timed: 50_000 },
  { nodes: 100, backlog: 1_000_000, timed: 50_000 },
  { nodes: 5_000, backlog: 1_000_000, timed: 50_000 },
];

/** Tasks placed, run and completed a second, durably, and what each costs. */
export async function scheduling({ isLong }: { isLong: boolean }): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const load of isLong ? [...loads, ...longLoads] : loads) figures.push(...(await measure(load)));
  return figures;
}

async function measure({ nodes, backlog, timed }: Load): Promise<Figure[]> {
  await using simulation = await startSimulation();
  const client = rawClient(simulation.account, 4);
  await addPool(client, "pool", nodes, slots);
  await addJob(client, "job", "pool");
  await client.call("POST", "/jobs/job/disable", { disableTasks: "requeue" });
  await until(async () => (await client.call<{ state: string }>("GET", "/jobs/job")).state === "disabled");
  await addTasksBySql(simulation.database, "job", backlog);
  const { serverPid, databasePid } = simulation;
  const cpu = () => ({ server: cpuSeconds(serverPid), database: cpuSeconds(databasePid, true) });
  const before = cpu();
  const time = await seconds(async () => {
    await client.call("POST", "/jobs/job/enable");
    await whenCompleted(client, "job", timed);
  });
  const after = cpu();
  client.close();
  const name = `${nodes} nodes, ${backlog} waiting`;
  const perTask = (seconds: number) => (seconds / timed) * 1e6;
  return [
    { scenario, name, value: timed / time, unit: "tasks/s" },
    { scenario, name: `${name}: CPU in the server`, value: perTask(after.server - before.server), unit: "µs/task" },
    {
      scenario,
      name: `${name}: CPU in the database`,
      value: perTask(after.database - before.database),
      unit: "µs/task",
    },
    { scenario, name: `${name}: memory of the server`, value: residentMegabytes(serverPid), unit: "MB" },
    { scenario, name: `${name}: memory of the database`, value: proportionalMegabytes(databasePid), unit: "MB" },
  ];
}
