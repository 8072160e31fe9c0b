import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { processesWithVariable, systemClock, waitUntil } from "@kyanite/runtime";
import type { Command, ProcessExecutionRecord } from "../src/executors/executor.ts";

const program = fileURLToPath(new URL("former-agent.mjs", import.meta.url));

/**
 * Starts a command with the process executor of an agent of its own, which is killed.
 * @param lives how much of the command that agent lives to see
 */
export async function startFormerly(
  directory: string,
  command: Command,
  lives: "to its start" | "to its end" = "to its start",
): Promise<ProcessExecutionRecord> {
  const { taskDirectory: _, ...rest } = command;
  const agent = spawn(process.execPath, [program, JSON.stringify({ directory, command: rest })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const says = createInterface({ input: agent.stdout })[Symbol.asyncIterator]();
  const { value: record } = await says.next();
  if (lives === "to its end") await says.next();
  else await waitUntil(() => isThere(command.runId), { clock: systemClock, timeoutMilliseconds: 20_000 });
  agent.kill("SIGKILL");
  await once(agent, "exit");
  return JSON.parse(record);
}

const isThere = (runId: string) => processesWithVariable("KYANITE_RUN_ID", runId).length > 0;
