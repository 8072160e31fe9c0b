import { createLog, listenForShutdown, systemClock } from "@kyanite/runtime";
import { startAgent } from "./agent.ts";
import { readConfig } from "./config.ts";

process.umask(0o022);
try {
  const config = await readConfig();
  const log = createLog(config.logLevel, config.logFile);
  using shutdown = listenForShutdown();
  const agent = await startAgent(config, { clock: systemClock, log });
  shutdown.signal.addEventListener("abort", () => void agent.stop());
  if (shutdown.signal.aborted) await agent.stop();
  log.info("agent ended", { because: await agent.closed });
  process.exitCode = 0;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
