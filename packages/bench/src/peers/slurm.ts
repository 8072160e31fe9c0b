import { runProgram, runShell } from "../programs.ts";
import { until } from "../work.ts";
import type { Peer } from "./peer.ts";
import type { SlurmCluster } from "./slurm-cluster.ts";

/** The two ways to run a command many times, each job as many at a time as the cluster has cores. */
export const slurmPeers = ({ env, hasJobs }: SlurmCluster): readonly Peer[] => [
  {
    name: "Slurm, sbatch --array",
    count: 10,
    run: async ({ commandLine, count, directory, signal }) => {
      const files = ["--output=%a.out", "--error=%a.err"];
      await runProgram("sbatch", [`--array=1-${count}`, ...files, "--wrap", commandLine], { env, directory, signal });
      await until(async () => {
        signal.throwIfAborted();
        return !(await hasJobs());
      });
    },
  },
  {
    // Several at once wait for each other, and it takes longer.
    name: "Slurm, srun one after the other",
    count: 50,
    run: ({ commandLine, count, directory, signal }) =>
      runShell(
        `for n in $(seq ${count}); do srun --quiet --output=$n.out --error=$n.err ${commandLine} || exit; done`,
        {
          env,
          directory,
          signal,
        },
      ),
  },
];
