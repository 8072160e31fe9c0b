import type { Provider } from "@kyanite/providers";
import type { Trust } from "@kyanite/storage";
import { followAccounts, followKey, openAccount } from "./assembly/accounts.ts";
import { createAgents } from "./assembly/agents.ts";
import { openIdentities } from "./assembly/identities.ts";
import { startLoops } from "./assembly/loops.ts";
import { createPlanes } from "./assembly/planes.ts";
import type { ServiceParts } from "./assembly/service-parts.ts";
import { followStorageTrust } from "./assembly/storage-trust.ts";
import { openWebhooks } from "./events/webhooks.ts";
import { startAudit } from "./http/audit/audit.ts";
import { Feed } from "./http/events/feed.ts";
import { TaskWatch } from "./http/logs/task-watch.ts";
import { OpenStreams } from "./http/open-streams.ts";
import type { Listening, Tls } from "./http/server.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { Served } from "./scheduler/served.ts";
import { storageAccounts } from "./storage-accounts.ts";
import type { AccountPlace } from "./store/accounts.ts";
import { auditedTransaction, insertAudit } from "./store/audit.ts";
import {
  type Database,
  keepArrayTypes,
  migrate,
  openDatabase,
  transaction,
  waitForDatabase,
} from "./store/database.ts";
import { useEventGrain } from "./store/event-grain.ts";
import { readNodeTotals, readTotals } from "./store/totals.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";

export interface Service {
  readonly listening: Listening;
  readonly provider: Provider;
  /** Tells the first key of the account that the service started with: now, and whenever it has changed. */
  followAccountKey(tell: (key: string) => Promise<void>): Promise<void>;
  /** Tells which accounts there are: now, and whenever that has changed. */
  followAccounts(tell: (accounts: readonly AccountPlace[]) => Promise<void>): Promise<void>;
  /** Tells whose tokens a storage account of this server's own is to believe: now, and whenever that has changed. */
  followStorageTrust(tell: (trust: Trust) => Promise<void>): Promise<void>;
  /** From here on new connections are shown another certificate. */
  useCertificate(tls: Tls): void;
  /** Refuses new work, finishes requests, and lets go of the database. Nodes are the provider's to stop. */
  stop(): Promise<void>;
}

/** Brings the schema up to date and starts the service; it answers when this resolves. */
export async function startService(parts: ServiceParts): Promise<Service> {
  const { clock, log } = parts;
  const database = await openMigrated(parts);
  const accountKey = await openAccount(database, parts);
  const shared = {
    database,
    storage: storageAccounts(parts.storage),
    quotas: quotasOf(parts),
    bounds: { tasksPerPool: parts.settings.placementsPerRound, jobsPerPool: 50 },
    served: new Served(),
    webhooks: openWebhooks(parts),
  };
  const identities = await openIdentities(database, parts, () => listening);
  const { taskTokens } = identities;
  const taskWatch = new TaskWatch({ database, clock, log });
  const streams = new OpenStreams(clock);
  const metrics = createMetrics(async () => ({
    resources: await readTotals(database),
    nodes: await readNodeTotals(database),
  }));
  const telemetry = await openTelemetry(parts, metrics);
  const agents = await createAgents(parts, { ...shared, taskTokens, telemetry, httpUrl: () => listening.httpUrl });
  const audit = startAudit({
    insert: (line) => insertAudit(database, line),
    transact: (line, change) => (line ? auditedTransaction(database, line, change) : transaction(database, change)),
    onRefusal: metrics.onRefusal,
    clock,
    log,
  });
  const feed = new Feed({ database, clock, log });
  await feed.start();
  const server = createPlanes(parts, {
    ...shared,
    agents,
    taskWatch,
    streams,
    feed,
    identities,
    metrics,
    audit,
    telemetry,
  });
  const listening = await server.listen(parts.listen);
  await agents.start();
  const provider = await parts.createProvider(listening);
  const loops = startLoops({ ...parts, ...shared, provider, onRound: metrics.onRound, onEvents: metrics.onEvents });
  const following = { database, clock, log, signal: loops.stopping };
  return {
    listening,
    provider,
    followAccountKey: (tell) => followKey(tell, { ...following, account: parts.account, accountKey }),
    followAccounts: (tell) => followAccounts(tell, following),
    followStorageTrust: (tell) =>
      followStorageTrust(tell, { ...following, issuer: identities.localIssuer, httpsUrl: listening.httpsUrl }),
    useCertificate: server.useCertificate,
    stop: async () => {
      await loops.stop();
      // They are requests that would not end by themselves.
      streams.stop();
      await feed.stop();
      // Links are connections too: the server is closed only when they are.
      await Promise.all([server.close(), agents.stop()]);
      await Promise.all([loops.close(), audit.stop(), telemetry?.stop()]);
      await database.end({ timeout: 5 });
    },
  };
}

/** Its library is loaded only where somebody is to be told. */
async function openTelemetry(
  { telemetry: settings, clock, log }: ServiceParts,
  { collect }: Metrics,
): Promise<Telemetry | undefined> {
  if (!settings) return undefined;
  const { startOpenTelemetry } = await import("./telemetry/open-telemetry.ts");
  return startOpenTelemetry({ settings, collect, clock, log });
}

async function openMigrated({ address, settings, clock, log }: ServiceParts): Promise<Database> {
  const database = openDatabase({ ...address, maxConnections: settings.databaseConnections });
  await waitForDatabase(database, { seconds: settings.databaseWaitSeconds, clock, log });
  await migrate(database, clock.now());
  await useEventGrain(database, settings.eventGrain);
  keepArrayTypes(database);
  return database;
}

const quotasOf = ({ settings, log }: ServiceParts) => ({
  ...settings,
  tellWithoutEffect: (poolId: string, properties: readonly string[]) =>
    log.warn("pool has properties without effect", { poolId, properties }),
});
