import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { together } from "../work.ts";
import type { Peer } from "./peer.ts";

/** What a program of a few lines would do that has no agent. */
export const spawnLoop: Peer = {
  name: "Node's spawn",
  run: async ({ commandLine, count, atATime, directory, signal }) => {
    const [program = "", ...args] = commandLine.split(" ");
    await together(atATime, count, async (n) => {
      signal.throwIfAborted();
      await using output = await open(join(directory, `${n}.out`), "w");
      await using errors = await open(join(directory, `${n}.err`), "w");
      await once(spawn(program, args, { stdio: ["ignore", output.fd, errors.fd] }), "exit");
    });
  },
};
