import { runShell } from "../programs.ts";
import type { Peer } from "./peer.ts";

/** The least that can be done: nobody sees what the commands print. */
export const bareXargs: Peer = {
  name: "xargs, output dropped",
  run: ({ commandLine, count, atATime, ...where }) =>
    runShell(`seq ${count} | xargs -P${atATime} -I{} ${commandLine}`, where),
};

/** It cannot redirect, so that each command gets a shell that can. */
export const xargs: Peer = {
  name: "xargs",
  run: ({ commandLine, count, atATime, ...where }) =>
    runShell(`seq ${count} | xargs -P${atATime} -I{} sh -c 'exec ${commandLine} >{}.out 2>{}.err'`, where),
};

/** It starts a shell for each command by itself. Its own `--results` takes longer than this. */
export const gnuParallel: Peer = {
  name: "GNU parallel",
  run: ({ commandLine, count, atATime, ...where }) =>
    runShell(`seq ${count} | parallel --will-cite -j${atATime} '${commandLine} >{}.out 2>{}.err'`, where),
};
