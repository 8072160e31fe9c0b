import { isInstalled } from "../programs.ts";
import type { Peer } from "./peer.ts";
import { bareXargs, gnuParallel, xargs } from "./shell.ts";
import { spawnLoop } from "./spawn-loop.ts";

/** Those that there are on this machine; says which there are not. */
export async function peersHere(): Promise<readonly Peer[]> {
  const hasParallel = await isInstalled("parallel");
  if (!hasParallel) process.stderr.write("GNU parallel is left out: it is not installed\n");
  return [bareXargs, xargs, ...(hasParallel ? [gnuParallel] : []), spawnLoop];
}
