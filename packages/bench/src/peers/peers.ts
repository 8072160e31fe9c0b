import { isInstalled } from "../programs.ts";
import { startHyperQueue } from "./hyperqueue.ts";
import type { Peer } from "./peer.ts";
import { bareXargs, gnuParallel, xargs } from "./shell.ts";
import { slurmPeers } from "./slurm.ts";
import { type SlurmCluster, startSlurm, whyNoSlurm } from "./slurm-cluster.ts";
import { spawnLoop } from "./spawn-loop.ts";

interface Peers extends AsyncDisposable {
  readonly peers: readonly Peer[];
}

/** Those that there are on this machine; says which there are not. */
export async function startPeers(): Promise<Peers> {
  const hasParallel = await isInstalled("parallel");
  if (!hasParallel) process.stderr.write("GNU parallel is left out: it is not installed\n");
  const hyperQueue = await startHyperQueue();
  if (!hyperQueue) process.stderr.write("HyperQueue is left out: python3 has no package hyperqueue (pip install)\n");
  const whyNot = await whyNoSlurm();
  if (whyNot !== undefined) process.stderr.write(`Slurm is left out: ${whyNot}\n`);
  const slurm: SlurmCluster | undefined = whyNot === undefined ? await startSlurm() : undefined;
  return {
    peers: [
      bareXargs,
      xargs,
      ...(hyperQueue ? [hyperQueue.peer] : []),
      ...(hasParallel ? [gnuParallel] : []),
      spawnLoop,
      ...(slurm ? slurmPeers(slurm) : []),
    ],
    [Symbol.asyncDispose]: async () => {
      await hyperQueue?.[Symbol.asyncDispose]();
      await slurm?.[Symbol.asyncDispose]();
    },
  };
}
