import { dirname } from "node:path";
import { createLog, listenForShutdown, systemClock } from "@kyanite/runtime";
import { removeAccounts } from "./accounts.ts";
import { startAgent } from "./agent.ts";
import { openCgroups } from "./cgroups.ts";
import { type AgentConfig, readConfig } from "./config.ts";

process.umask(0o022);
try {
  const config = await readConfig();
  await (process.argv[2] === "clean" ? clean(config) : runAgent(config));
  process.exitCode = 0;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** For whoever removes the node of an agent that cannot do this any more, because it was killed. */
async function clean({ root }: AgentConfig): Promise<void> {
  await removeAccounts(dirname(root));
  await openCgroups(root, systemClock).clear();
}

async function runAgent(config: AgentConfig): Promise<void> {
  const log = createLog(config.logLevel, config.logFile);
  using shutdown = listenForShutdown();
  const agent = await startAgent(config, { clock: systemClock, log });
  shutdown.signal.addEventListener("abort", () => void agent.stop());
  if (shutdown.signal.aborted) await agent.stop();
  log.info("agent ended", { because: await agent.closed });
}
