import { setMaxListeners } from "node:events";
import { allOperations } from "@kyanite/contract";
import type { Provider } from "@kyanite/providers";
import type { Clock, Log } from "@kyanite/runtime";
import type { StorageAccount } from "@kyanite/storage";
import type { Settings } from "./config.ts";
import { parseCapacities } from "./domain/capacity.ts";
import { parseMountSources } from "./domain/mounts.ts";
import { AgentEndpoint } from "./http/agent-endpoint.ts";
import { AgentLinks } from "./http/agent-links.ts";
import { coalesced } from "./http/coalesced.ts";
import { createHandlers } from "./http/handlers.ts";
import { localPages } from "./http/local-pages.ts";
import { createManagementHandlers } from "./http/management/handlers.ts";
import { managementPlane } from "./http/management/serve.ts";
import { subscriptionPages } from "./http/management/subscriptions.ts";
import { NodeFiles } from "./http/node-files.ts";
import { orderMaker } from "./http/run-orders.ts";
import { createHttpServer, type Listening, type ListenOptions, type Page } from "./http/server.ts";
import { signInPages } from "./http/sign-in.ts";
import { uploadRelay } from "./http/upload-relay.ts";
import { openLocalIssuer } from "./identity/local-issuer.ts";
import { type RemoteIssuerSettings, remoteIssuers } from "./identity/remote-issuers.ts";
import { openTaskTokens } from "./identity/task-tokens.ts";
import { verifyToken } from "./identity/tokens.ts";
import { newKey } from "./lifecycle/account.ts";
import { autoscalePools } from "./loops/autoscale-pools.ts";
import { changeNodes } from "./loops/change-nodes.ts";
import { collectBlobs } from "./loops/collect-blobs.ts";
import { deleteAccounts } from "./loops/delete-accounts.ts";
import { enforceLimits } from "./loops/enforce-limits.ts";
import { Leadership } from "./loops/leadership.ts";
import { runLoop } from "./loops/loop.ts";
import { resizePools } from "./loops/resize-pools.ts";
import { runJobSchedules } from "./loops/run-job-schedules.ts";
import { samplePools } from "./loops/sample-pools.ts";
import { scheduleTasks } from "./loops/schedule-tasks.ts";
import { settleJobs } from "./loops/settle-jobs.ts";
import { watchNodes } from "./loops/watch-nodes.ts";
import { createMetrics } from "./metrics.ts";
import { storageAccounts } from "./storage-accounts.ts";
import { ensureAccount, listAccounts, readAccount } from "./store/accounts.ts";
import {
  type Database,
  type DatabaseAddress,
  isDatabaseAway,
  keepArrayTypes,
  migrate,
  openDatabase,
  waitForDatabase,
} from "./store/database.ts";
import { listen } from "./store/notices.ts";
import { readHolderOfToken } from "./store/secrets.ts";
import { readTotals } from "./store/totals.ts";

export interface ServiceParts {
  readonly address: DatabaseAddress;
  readonly listen: ListenOptions;
  /** Made when it is missing. An account that exists keeps its keys unless `replacesKey`: then its first becomes this. */
  readonly account: { readonly name: string; readonly key: string; readonly replacesKey: boolean };
  readonly settings: Settings;
  /** Whose bearer tokens are accepted besides our own. */
  readonly identity: RemoteIssuerSettings;
  /** Storage accounts that Batch accounts can be linked with; the first is the one of `account`. */
  readonly storage: readonly StorageAccount[];
  /** Made when the service listens, because agents must know where. */
  readonly createProvider: (listening: Listening) => Promise<Provider>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Service {
  readonly listening: Listening;
  readonly provider: Provider;
  /** Tells the first key of the account that the service started with: now, and whenever it has changed. */
  followAccountKey(tell: (key: string) => Promise<void>): Promise<void>;
  /** Refuses new work, finishes requests, and lets go of the database. Nodes are the provider's to stop. */
  stop(): Promise<void>;
}

/** Brings the schema up to date and starts the service; it answers when this resolves. */
export async function startService(parts: ServiceParts): Promise<Service> {
  const { address, settings, clock, log } = parts;
  const database = openDatabase({ ...address, maxConnections: settings.databaseConnections });
  await waitForDatabase(database, { seconds: settings.databaseWaitSeconds, clock, log });
  await migrate(database, clock.now());
  keepArrayTypes(database);
  const storage = storageAccounts(parts.storage);
  const accountKey = await openAccount(database, parts);

  const tokens = await openTaskTokens(database);
  const bounds = { tasksPerPool: settings.placementsPerRound, jobsPerPool: 50 };
  const links = new AgentLinks({
    database,
    clock,
    log,
    heartbeatSeconds: settings.heartbeatSeconds,
    sampleSeconds: settings.sampleSeconds,
    bounds,
    mountSources: parseMountSources(settings.mountSources) ?? [],
    orderFor: orderMaker({
      database,
      storage,
      accountUrl: () => listening.httpUrl,
      taskToken: (holder) => tokens.sign(holder),
      now: () => clock.now(),
    }),
  });
  const nodeFiles = new NodeFiles((nodePk, order) => links.send(nodePk, order), clock);
  const agents = new AgentEndpoint({ database, links, nodeFiles, log });
  const localIssuer = await openLocalIssuer(database, clock.now());
  // The configured ones first: one of them may have a name that would be taken for the local one's.
  const issuers = [...remoteIssuers(parts.identity), localIssuer];
  const metrics = createMetrics(() => readTotals(database));
  const managed = {
    grantsOfToken: (token: string, now: Date) => verifyToken(token, "management", { issuers, now }),
    isDatabaseAway,
    clock,
    log,
  };
  const server = createHttpServer({
    operations: allOperations,
    corsOrigins: settings.corsOrigins.split(" ").filter(Boolean),
    handlers: createHandlers({ database, nodeFiles, quotas: settings }),
    findAccount: (name) => readAccount(database, name),
    grantsOfToken: (token, now) => verifyToken(token, "data", { issuers, now }),
    taskOfToken: async (token) => {
      const holder = tokens.read(token);
      return holder && readHolderOfToken(database, holder);
    },
    defaultAccountName: parts.account.name,
    isDatabaseAway,
    agents,
    relayUpload: uploadRelay(parts.storage, log),
    pages: { "/livez": async () => plain(200, "ok"), "/readyz": () => readiness(database) },
    extensions: [
      signInPages({ issuer: localIssuer, now: () => clock.now() }),
      localPages({ readMetrics: metrics.read }),
      managementPlane({
        handlers: createManagementHandlers({ database, storage, quotas: settings }),
        findAccount: (name) => readAccount(database, name),
        ...managed,
      }),
      subscriptionPages({ listAccounts: () => listAccounts(database), ...managed }),
    ],
    onAnswer: metrics.onAnswer,
    clock,
    log,
  });
  const listening = await server.listen(parts.listen);
  const provider = await parts.createProvider(listening);
  const leadership = new Leadership(
    (onClose) => openDatabase({ ...address, maxConnections: 1, hasNoArrays: true, onClose }),
    log,
  );
  const stopping = new AbortController();
  // Each loop listens to it, and there are more of them than Node takes for granted.
  setMaxListeners(100, stopping.signal);
  const stopListening = await links.start();
  const loops = [
    scheduleTasks(database, bounds),
    resizePools(
      { database, provider, clock, log },
      {
        limits: { ...settings, vmSizes: parseCapacities(settings.vmSizes) ?? [] },
        startsPerRound: 2 * settings.agentStartsAtOnce,
        preemptionSeconds: settings.preemptionSeconds,
      },
    ),
    settleJobs(database),
    enforceLimits(database),
    samplePools(database, settings),
    autoscalePools(database, settings, log),
    runJobSchedules(database, settings, log),
    watchNodes(database, settings.nodeSilentSeconds, log),
    collectBlobs(database, storage, log),
    deleteAccounts(database),
    changeNodes(database, { provider, clock, log, recoverySeconds: settings.nodeRecoverySeconds }),
  ].map((loop) => runLoop(loop, { database, leadership, onRound: metrics.onRound, clock, log }, stopping.signal));

  return {
    listening,
    provider,
    followAccountKey: async (tell) => {
      let told = accountKey;
      await tell(told);
      const tellAgain = async () => {
        if (stopping.signal.aborted) return;
        const account = await readAccount(database, parts.account.name);
        const key = account?.keys[0] ?? told;
        if (key !== told) await tell(key);
        told = key;
      };
      await listen(database, "accounts", coalesced(tellAgain, { clock, log }));
    },
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
      // Links are connections too: the server is closed only when they are.
      await Promise.all([server.close(), links.close()]);
      agents.close();
      await stopListening().catch(() => {});
      await leadership.close();
      await database.end({ timeout: 5 });
    },
  };
}

/** @returns the first key of the account that the service starts with */
async function openAccount(database: Database, { account, storage, clock }: ServiceParts): Promise<string> {
  const opened = await ensureAccount(
    database,
    {
      name: account.name,
      newKeys: [account.key, newKey()],
      givenKey: account.replacesKey ? account.key : undefined,
      storageAccount: storage[0]?.accountName ?? null,
    },
    clock.now(),
  );
  return opened?.keys[0] ?? account.key;
}

const plain = (status: number, body: string): Page => ({ status, contentType: "text/plain", body: `${body}\n` });

/** Whether requests can be served now: whether the database answers. */
async function readiness(database: Database): Promise<Page> {
  try {
    await database`select 1`;
    return plain(200, "ok");
  } catch {
    return plain(503, "the database is away");
  }
}
