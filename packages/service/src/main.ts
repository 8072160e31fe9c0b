import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { agentVersion } from "@kyanite/agent";
import { localProcess, type Provider } from "@kyanite/providers";
import { createLog, type Log, listenForShutdown, systemClock } from "@kyanite/runtime";
import { parseConnectionString, type StorageAccount, startEmbeddedStorage } from "@kyanite/storage";
import type { Config } from "./config.ts";
import { isRole } from "./domain/caller.ts";
import { readServerCertificate, serverNames } from "./host/certificate-authority.ts";
import { keepAccountKey, openDataDirectory } from "./host/data-directory.ts";
import { startEmbeddedPostgres } from "./host/embedded-postgres.ts";
import { removeEndpoints, writeEndpoints } from "./host/endpoints.ts";
import { mustChangeUser } from "./host/postgres-user.ts";
import { startService } from "./service.ts";
import type { DatabaseAddress } from "./store/database.ts";

/** What has been started, to be ended in reverse order. */
type Endings = (() => Promise<void>)[];

/** Runs a server in the foreground until the operating system asks it to stop. */
export async function runService(config: Config): Promise<void> {
  using shutdown = listenForShutdown();
  const log = createLog(config.logLevel);
  const endings: Endings = [];
  try {
    await startAll(config, log, endings, shutdown.signal);
    await aborted(shutdown.signal);
    log.info("stopping", { signal: String(shutdown.signal.reason) });
  } finally {
    for (const end of endings.reverse())
      await end().catch((cause: unknown) => log.error("not ended cleanly", { cause }));
  }
}

async function startAll(config: Config, log: Log, endings: Endings, signal: AbortSignal): Promise<void> {
  const clock = systemClock;
  const directory = await openDataDirectory(config.dataDir, { traversable: mustChangeUser() });
  endings.push(() => directory.release());
  await removeEndpoints(directory.path);
  const address = await startDatabase(config, log, endings);
  const storage = await startStorage(config, log, endings);
  const accountKey = config.accountKey ?? (await keepAccountKey(directory));
  const tls = await readServerCertificate({
    directory: join(directory.path, "certificates"),
    names: serverNames(config.host, config.account),
    now: clock.now(),
  });
  if (signal.aborted) return;
  const service = await startService({
    address,
    listen: { host: config.host, httpPort: config.httpPort, httpsPort: config.httpsPort, tls },
    account: { name: config.account, key: accountKey, replacesKey: config.accountKey !== undefined },
    settings: config.settings,
    identity: {
      issuers: config.identityIssuers.split(" ").filter(Boolean),
      roleClaim: config.identityRoleClaim,
      defaultRole: isRole(config.identityDefaultRole) ? config.identityDefaultRole : undefined,
    },
    storage: [storage, ...config.moreStorageAccounts.map(parseConnectionString)],
    createProvider: ({ httpUrl }) => createLocalProvider(config, httpUrl, log),
    clock,
    log,
  });
  endings.push(
    () => service.provider.stop(),
    () => service.stop(),
  );
  const endpoints = {
    account: config.account,
    batchUrl: service.listening.httpUrl,
    batchHttpsUrl: service.listening.httpsUrl,
    armUrl: service.listening.httpsUrl,
    caCertificate: tls.authorityFile,
    storageAccount: storage.accountName,
    storageConnectionString: storage.connectionString,
    blobEndpoint: storage.blobEndpoint,
    explorerUrl: "",
    pid: process.pid,
    version: agentVersion,
  };
  await service.followAccountKey((accountKey) => writeEndpoints(directory.path, { ...endpoints, accountKey }));
  endings.push(() => removeEndpoints(directory.path));
  log.info("ready", { batchUrl: service.listening.httpUrl, batchHttpsUrl: service.listening.httpsUrl });
}

async function startDatabase(config: Config, log: Log, endings: Endings): Promise<DatabaseAddress> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl };
  const postgres = await startEmbeddedPostgres({ dataDirectory: config.dataDir, clock: systemClock, log });
  endings.push(() => postgres.stop());
  return postgres.connection;
}

async function startStorage(config: Config, log: Log, endings: Endings): Promise<StorageAccount> {
  if (config.storageConnectionString !== undefined) return parseConnectionString(config.storageConnectionString);
  const storage = await startEmbeddedStorage({
    directory: join(config.dataDir, "storage"),
    environment: config.childEnvironment,
    clock: systemClock,
    log,
  });
  endings.push(() => storage.stop());
  return storage.account;
}

function createLocalProvider(config: Config, serviceUrl: string, log: Log): Promise<Provider> {
  return localProcess({
    directory: join(config.dataDir, "nodes"),
    // A busy agent would otherwise hold tens of megabytes of garbage, on every node.
    agentCommand: [
      process.execPath,
      "--max-semi-space-size=1",
      // Nor is what it has compiled for the last job thrown away while it waits for the next.
      "--no-flush-bytecode",
      fileURLToPath(import.meta.resolve("@kyanite/agent/main")),
    ],
    serviceUrl,
    agentLogLevel: config.logLevel,
    environment: { ...config.childEnvironment, KYANITE_AGENT_SSH_PORT: String(config.settings.sshPort) },
    startsAtOnce: config.settings.agentStartsAtOnce,
    clock: systemClock,
    log,
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
