import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { endProgram } from "../programs.ts";
import type { Peer } from "./peer.ts";

/** Beside the source: the build makes no copy of it. */
const program = fileURLToPath(new URL("../../src/peers/local_cluster.py", import.meta.url));

export interface HyperQueue extends AsyncDisposable {
  readonly peer: Peer;
}

/** HyperQueue's server and one worker, by its Python package; undefined where `python3` does not have that. */
export async function startHyperQueue(): Promise<HyperQueue | undefined> {
  const [code] = await once(spawn("python3", ["-c", "import hyperqueue"], { stdio: "ignore" }), "exit");
  if (code !== 0) return undefined;
  const clusters = new Map<number, Promise<Cluster>>();
  const clusterOf = (cores: number) => {
    const cluster = clusters.get(cores) ?? startCluster(cores);
    clusters.set(cores, cluster);
    return cluster;
  };
  return {
    peer: {
      name: "HyperQueue",
      run: async ({ atATime, commandLine, count, directory, signal }) => {
        const { process, hear } = await clusterOf(atATime);
        signal.throwIfAborted();
        process.stdin.write(`${JSON.stringify({ commandLine, count, directory })}\n`);
        await hear("done");
      },
    },
    [Symbol.asyncDispose]: async () => {
      for (const cluster of clusters.values()) await endProgram((await cluster).process);
    },
  };
}

interface Cluster {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  /** Waits for a line; the package prints others in between. */
  hear(line: "ready" | "done"): Promise<void>;
}

/** @param cores how many commands its worker runs at a time */
async function startCluster(cores: number): Promise<Cluster> {
  const process = spawn("python3", [program, String(cores)], { stdio: ["pipe", "pipe", "ignore"] });
  const lines = createInterface(process.stdout)[Symbol.asyncIterator]();
  const hear = async (line: string) => {
    for (;;) {
      const { done, value } = await lines.next();
      if (done) throw new Error("HyperQueue has ended");
      if (value === line) return;
    }
  };
  await hear("ready");
  return { process, hear };
}
