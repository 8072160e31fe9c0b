import { dirname } from "node:path";
import { createLog, listenForShutdown, systemClock } from "@kyanite/runtime";
import { removeAccounts } from "./accounts.ts";
import { startAgent } from "./agent.ts";
import { readConfig } from "./config.ts";

process.umask(0o022);
try {
  const config = await readConfig();
  // For whoever removes the node of an agent that cannot clean up any more, because it was killed.
  if (process.argv[2] === "remove-accounts") await removeAccounts(dirname(config.root));
  else await runAgent(config);
  process.exitCode = 0;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function runAgent(config: Awaited<ReturnType<typeof readConfig>>): Promise<void> {
  const log = createLog(config.logLevel, config.logFile);
  using shutdown = listenForShutdown();
  const agent = await startAgent(config, { clock: systemClock, log });
  shutdown.signal.addEventListener("abort", () => void agent.stop());
  if (shutdown.signal.aborted) await agent.stop();
  log.info("agent ended", { because: await agent.closed });
}
