import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import { median, type Target } from "../figures.ts";
import { addTasksBySql } from "../many-tasks.ts";
import { type Simulation, startSimulation } from "../simulated/simulation.ts";
import { cpuSeconds, proportionalMegabytes, residentMegabytes } from "../usage.ts";
import { addPool, addWaitingJob, letGo } from "../work.ts";

const slots = 4;

interface Load {
  readonly nodes: number;
  readonly backlog: number;
  /** After how many completions time begins. It takes a while until thousands of nodes have their first tasks. */
  readonly untimed?: number;
  /** After how many more completions time ends: all, where there are several runs. */
  readonly timed: number;
  readonly runs: number;
  readonly rate?: Target;
  readonly memory?: Target;
}

const fast = { atLeast: 5_000 };

const loads: readonly Load[] = [
  { nodes: 100, backlog: 1_000, timed: 1_000, runs: 9 },
  { nodes: 100, backlog: 20_000, timed: 20_000, runs: 3, rate: fast },
  { nodes: 100, backlog: 100_000, timed: 20_000, runs: 1, rate: fast },
  { nodes: 1_000, backlog: 50_000, timed: 50_000, runs: 3, rate: fast },
];
const longLoads: readonly Load[] = [
  { nodes: 100, backlog: 1_000_000, timed: 50_000, runs: 1, rate: fast },
  { nodes: 5_000, backlog: 100_000, timed: 100_000, runs: 1, rate: fast },
  {
    nodes: 5_000,
    backlog: 1_000_000,
    untimed: 100_000,
    timed: 100_000,
    runs: 1,
    rate: fast,
    memory: { below: 600 },
  },
];

/** Tasks placed, run and completed a second, durably, and what each costs. */
export async function scheduling({ isLong, signal }: Bench): Promise<Section[]> {
  const sections: Section[] = [];
  for (const load of isLong ? [...loads, ...longLoads] : loads) sections.push(await measure(load, signal));
  return sections;
}

async function measure(load: Load, signal: AbortSignal): Promise<Section> {
  const { nodes, backlog, untimed, timed, runs, rate, memory } = load;
  await using simulation = await startSimulation();
  using client = leanClient(simulation.account, { connections: 4, signal });
  await addPool(client, "pool", nodes, slots);
  const samples: Sample[] = [];
  for (let run = 0; run < runs; run++) {
    const jobId = `job${run}`;
    await addWaitingJob(client, jobId, "pool");
    await addTasksBySql(simulation.database, { jobId, count: backlog, signal });
    let before = cpu(simulation);
    const onTime = () => {
      before = cpu(simulation);
    };
    const { time, completed } = await letGo(client, jobId, timed, { untimed, onTime });
    const after = cpu(simulation);
    samples.push({
      rate: completed / time,
      server: ((after.server - before.server) / completed) * 1e6,
      database: ((after.database - before.database) / completed) * 1e6,
    });
  }
  const middle = (of: keyof Sample) => median(samples.map((sample) => sample[of]));
  const { serverPid, databasePid } = simulation;
  return {
    title: `scheduling, simulated agents: ${nodes.toLocaleString("en-GB")} nodes of ${slots} slots, ${backlog.toLocaleString("en-GB")} tasks waiting`,
    figures: [
      { name: "placed, run and completed", value: middle("rate"), unit: "tasks/s", target: rate },
      { name: "CPU in the server", value: middle("server"), unit: "µs/task" },
      { name: "CPU in the database", value: middle("database"), unit: "µs/task" },
      { name: "memory of the server", value: residentMegabytes(serverPid), unit: "MB", target: memory },
      { name: "memory of the database", value: proportionalMegabytes(databasePid), unit: "MB" },
    ],
  };
}

interface Sample {
  readonly rate: number;
  /** Microseconds of CPU for each task, as in `database`. */
  readonly server: number;
  readonly database: number;
}

const cpu = ({ serverPid, databasePid }: Simulation) => ({
  server: cpuSeconds(serverPid),
  database: cpuSeconds(databasePid, true),
});
