import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rawClient } from "../client.ts";
import { type Figure, median } from "../figures.ts";
import { startRealServer } from "../real-server.ts";
import { addPool, drain, seconds } from "../work.ts";

const repeats = 3;

interface Command {
  readonly name: string;
  readonly line: string;
  readonly count: number;
}

const commands: readonly Command[] = [
  { name: "/bin/true", line: "/bin/true", count: 1_000 },
  { name: "a 10 ms command", line: "/bin/sleep 0.01", count: 500 },
];

/** Real processes through our nodes, beside what one would use instead on one machine. */
export async function processes(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const command of commands) figures.push(...(await besideThePeers(command)));
  return figures;
}

async function besideThePeers(command: Command): Promise<Figure[]> {
  const { name, count } = command;
  const scenario = `real processes: ${name}`;
  const peers = {
    "xargs -P2": await rateOf(count, () => xargs(command)),
    "GNU parallel -j2": (await exists("parallel")) ? await rateOf(count, () => parallel(command)) : Number.NaN,
    "Node's spawn, two at a time": await rateOf(count, () => spawnLoop(command)),
  };
  const ours = await throughNodes(command);
  const figures = Object.entries({ ...peers, ...ours }).map(([each, value]) => ({
    scenario,
    name: each,
    value,
    unit: "processes/s",
  }));
  const ratios = Object.entries(ours).flatMap(([each, value]) =>
    Object.entries(peers).map(([peer, rate]) => ({
      scenario,
      name: `${each}, over ${peer}`,
      value: value / rate,
      unit: "×",
    })),
  );
  return [...figures, ...ratios].filter(({ value }) => Number.isFinite(value));
}

async function rateOf(count: number, run: () => Promise<unknown>): Promise<number> {
  const rates: number[] = [];
  for (let n = 0; n < repeats; n++) rates.push(count / (await seconds(run)));
  return median(rates);
}

async function throughNodes({ line, count }: Command): Promise<Record<string, number>> {
  await using server = await startRealServer();
  const client = rawClient(server.account, 4);
  await addPool(client, "one", 1, 4);
  await addPool(client, "three", 3, 2);
  const rates: Record<string, number> = {};
  for (const [pool, name] of [
    ["one", "1 node of 4 slots"],
    ["three", "3 nodes of 2 slots"],
  ] as const) {
    const samples: number[] = [];
    for (let n = 0; n < repeats; n++) samples.push(count / (await drain(client, `${pool}-${n}`, pool, count, line)));
    rates[`Kyanite, ${name}`] = median(samples);
  }
  client.close();
  return rates;
}

/** Each command's output goes to a file of its own, as ours does. */
function xargs({ line, count }: Command): Promise<void> {
  return inDirectory((directory) =>
    shell(`seq ${count} | xargs -P2 -I{} sh -c 'exec ${line} >${directory}/{}.out 2>${directory}/{}.err'`),
  );
}

function parallel({ line, count }: Command): Promise<void> {
  return inDirectory((directory) =>
    shell(`seq ${count} | parallel --will-cite -j2 '${line} >${directory}/{}.out 2>${directory}/{}.err'`),
  );
}

async function spawnLoop({ line, count }: Command): Promise<void> {
  const [program = "", ...args] = line.split(" ");
  let left = count;
  const work = async () => {
    while (left-- > 0) await once(spawn(program, args, { stdio: "ignore" }), "exit");
  };
  await Promise.all([work(), work()]);
}

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "kyanite-peer-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function shell(script: string): Promise<void> {
  const file = join(await mkdtemp(join(tmpdir(), "kyanite-peer-")), "run.sh");
  await writeFile(file, script);
  const [code] = await once(spawn("/bin/sh", [file], { stdio: ["ignore", "ignore", "inherit"] }), "exit");
  await rm(join(file, ".."), { recursive: true });
  if (code !== 0) throw new Error(`${script} ended with ${code}`);
}

async function exists(program: string): Promise<boolean> {
  const [code] = await once(spawn("/bin/sh", ["-c", `command -v ${program}`], { stdio: "ignore" }), "exit");
  return code === 0;
}
