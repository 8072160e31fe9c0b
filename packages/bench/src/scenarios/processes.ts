import { mkdtemp } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { BatchClient } from "@kyanite/client/node";
import type { Bench, Section } from "../bench.ts";
import { leanClient } from "../client.ts";
import { type Figure, median, type Target } from "../figures.ts";
import type { Peer } from "../peers/peer.ts";
import { startPeers } from "../peers/peers.ts";
import { xargs } from "../peers/shell.ts";
import { startRealServer } from "../real-server.ts";
import { temporaryDirectory } from "../temporary-directory.ts";
import { addPool, drain, seconds } from "../work.ts";

const rounds = 3;

interface Command {
  readonly title: string;
  readonly line: string;
  readonly count: number;
  /** How many the peers run at a time. */
  readonly atATime: number;
  /** Of our rate over that of a peer. */
  readonly targets: Readonly<Record<string, Target>>;
}

const commands: readonly Command[] = [
  {
    title: "/bin/true",
    line: "/bin/true",
    count: 5_000,
    atATime: availableParallelism(),
    targets: {
      xargs: { atLeast: 0.7 },
      HyperQueue: { atLeast: 1.2 },
      "GNU parallel": { atLeast: 2 },
      "Slurm, sbatch --array": { atLeast: 20 },
    },
  },
  { title: "10 ms asleep", line: "/bin/sleep 0.01", count: 500, atATime: 4, targets: {} },
];

interface Contestant {
  readonly name: string;
  /** Runs the command many times, and gives how many times a second. */
  rate(command: Command): Promise<number>;
}

/** Real processes through our nodes, beside what one would take instead on one machine. */
export async function processes({ signal }: Bench): Promise<Section[]> {
  await using home = await temporaryDirectory();
  await using server = await startRealServer(home);
  using client = leanClient(server.account, { connections: 4, signal });
  const ours = [await ourNodes(client, 1, 4), await ourNodes(client, 3, 2)];
  await using others = await startPeers();
  const peers = others.peers.map((peer) => contestant(peer, home.path, signal));
  const sections: Section[] = [];
  for (const command of commands) sections.push(await compare(command, peers, ours));
  return sections;
}

async function ourNodes(client: BatchClient, nodes: number, slots: number): Promise<Contestant> {
  const poolId = `${nodes}x${slots}`;
  await addPool(client, poolId, nodes, slots);
  let jobs = 0;
  return {
    name: `Kyanite, ${nodes} × ${slots} slots`,
    rate: async ({ line, count }) => count / (await drain(client, `${poolId}-${jobs++}`, poolId, count, line)),
  };
}

/**
 * What a peer leaves is not removed before the end: some file systems make new files ten times more slowly for minutes
 * after many have been removed, and whoever makes more of them would pay more for it.
 */
function contestant(peer: Peer, home: string, signal: AbortSignal): Contestant {
  return {
    name: peer.name,
    rate: async ({ line, count: usual, atATime }) => {
      const count = peer.count ?? usual;
      const directory = await mkdtemp(join(home, "peer-"));
      const work = { commandLine: line, count, atATime, directory, signal };
      return count / (await seconds(() => peer.run(work)));
    },
  };
}

/**
 * They take turns, so that what else the machine does slows all of them. The peers that are about as fast as we take
 * theirs with us; the others would keep us waiting for so long that each round would be the first after a pause.
 */
async function compare(command: Command, peers: readonly Contestant[], ours: readonly Contestant[]): Promise<Section> {
  const samples = new Map<Contestant, number[]>([...peers, ...ours].map((each) => [each, []]));
  const isAsFast = ({ name }: Contestant) => name.startsWith(xargs.name);
  for (const those of [[...peers.filter(isAsFast), ...ours], peers.filter((peer) => !isAsFast(peer))])
    for (let round = 0; round < rounds; round++)
      for (const each of those) samples.get(each)?.push(await each.rate(command));
  const rateOf = (each: Contestant) => median(samples.get(each) ?? []);
  const figure = (each: Contestant): Figure => ({ name: each.name, value: rateOf(each), unit: "processes/s" });
  const ratio = (our: Contestant, peer: Contestant): Figure => ({
    name: `${our.name} / ${peer.name}`,
    value: rateOf(our) / rateOf(peer),
    unit: "×",
    target: command.targets[peer.name],
  });
  return {
    title: `real processes: ${command.title}, peers ${command.atATime} at a time`,
    figures: [...peers.map(figure), ...ours.flatMap((our) => [figure(our), ...peers.map((peer) => ratio(our, peer))])],
  };
}
