import {
  closeInheritedDescriptors,
  createLog,
  listenForShutdown,
  protectFromOomKiller,
  systemClock,
  writeFileAtomically,
} from "@kyanite/runtime";
import { type HostConfig, readConfig } from "./config.ts";
import { startHost } from "./host.ts";
import { followWanted, type Standings, standingsFile } from "./wanted.ts";

process.umask(0o022);
closeInheritedDescriptors();
try {
  await runHost(readConfig());
  process.exitCode = 0;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function runHost(config: HostConfig): Promise<void> {
  const log = createLog(config.logLevel);
  const clock = systemClock;
  using shutdown = listenForShutdown();
  protectFromOomKiller();
  const write = standingsWriter(standingsFile(config.directory));
  // What a former agent has written is none of our doing.
  await write({});
  const host = await startHost(config, {
    clock,
    log,
    onStandings: (standings) =>
      void write(standings).catch((cause: unknown) => log.error("standings not written", { cause })),
  });
  const over = new AbortController();
  const { directory } = config;
  const following = followWanted({ directory, clock, log, signal: over.signal, onWanted: (nodes) => host.keep(nodes) });
  following.catch((cause: unknown) => {
    log.error("wishes not followed", { cause });
    return host.stop();
  });
  shutdown.signal.addEventListener("abort", () => void host.stop());
  if (shutdown.signal.aborted) await host.stop();
  log.info("agent ended", { because: await host.closed });
  over.abort();
}

/** Replaces the file, once for all that has changed while it was being written. */
function standingsWriter(file: string): (standings: Standings) => Promise<void> {
  let next: Standings | undefined;
  let writing: Promise<void> | undefined;
  const writeAll = async () => {
    for (let standings = next; standings; standings = next) {
      next = undefined;
      await writeFileAtomically(file, JSON.stringify(standings));
    }
    writing = undefined;
  };
  return (standings) => {
    next = standings;
    writing ??= writeAll();
    return writing;
  };
}
