import { allOperations } from "@kyanite/contract";
import type { AccountQuotas } from "../domain/account/quotas.ts";
import type { StorageAccounts } from "../domain/account/storage.ts";
import { mayElevate } from "../domain/task/elevation.ts";
import type { Webhooks } from "../events/webhooks.ts";
import type { Audit } from "../http/audit/audit.ts";
import type { Feed } from "../http/events/feed.ts";
import { createHandlers } from "../http/handlers.ts";
import { localPages } from "../http/local-pages.ts";
import type { TaskWatch } from "../http/logs/task-watch.ts";
import { createManagementHandlers } from "../http/management/handlers.ts";
import { providerPages } from "../http/management/providers.ts";
import { managementPlane } from "../http/management/serve.ts";
import { subscriptionPages } from "../http/management/subscriptions.ts";
import type { OpenStreams } from "../http/open-streams.ts";
import { createHttpServer, type HttpServer } from "../http/server.ts";
import { signInPages } from "../http/sign-in.ts";
import { uploadRelay } from "../http/upload-relay.ts";
import type { Quotas } from "../lifecycle/quotas.ts";
import type { Metrics } from "../metrics.ts";
import { listAccountPlaces, readAccount } from "../store/accounts.ts";
import { type Database, isDatabaseAway } from "../store/database.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { Agents } from "./agents.ts";
import type { Identities } from "./identities.ts";
import { monitorPages } from "./readiness.ts";
import type { ServiceParts } from "./service-parts.ts";

export interface PlaneMeans {
  readonly database: Database;
  readonly storage: StorageAccounts;
  readonly quotas: Quotas & AccountQuotas;
  readonly agents: Agents;
  readonly taskWatch: TaskWatch;
  readonly streams: OpenStreams;
  readonly feed: Feed;
  readonly webhooks: Webhooks;
  readonly identities: Identities;
  readonly metrics: Metrics;
  readonly audit: Audit;
  readonly telemetry: Telemetry | undefined;
}

/** The server with both planes, the pages beside them, and the agents' door. */
export function createPlanes(parts: ServiceParts, means: PlaneMeans): HttpServer {
  const { settings, publicUrl, clock, log } = parts;
  const {
    database,
    storage,
    quotas,
    agents,
    taskWatch,
    streams,
    feed,
    webhooks,
    identities,
    metrics,
    audit,
    telemetry,
  } = means;
  return createHttpServer({
    operations: allOperations,
    domains: parts.domains ?? ["localhost"],
    ...(publicUrl !== undefined && { publicUrl: new URL(publicUrl) }),
    corsOrigins: settings.corsOrigins.split(" ").filter(Boolean),
    isElevationFree: mayElevate(settings.adminTasks, parts.machine.hasWalls),
    isHostFree: settings.containerHostAccess === "anyone",
    handlers: createHandlers({
      database,
      nodeFiles: agents.nodeFiles,
      taskWatch,
      streams,
      feed,
      webhooks,
      quotas,
      storage,
      samples: settings,
      clock,
    }),
    findAccount: (name) => readAccount(database, name),
    bearerOfToken: identities.bearerOn("data"),
    taskOfToken: identities.taskOfToken,
    defaultAccountName: parts.account.name,
    isDatabaseAway,
    agents: agents.endpoint,
    relayUpload: uploadRelay(parts.storage, log),
    pages: monitorPages(database, parts),
    extensions: [
      signInPages({ issuer: identities.localIssuer, storage: parts.storage, now: () => clock.now() }),
      localPages({ metricsToken: parts.metricsToken, readMetrics: metrics.read }),
      ...managementExtensions(parts, means),
    ],
    onAnswer: metrics.onAnswer,
    audit,
    ...(telemetry && { telemetry }),
    clock,
    log,
  });
}

function managementExtensions(
  { account, storage: storageAccounts, clock, log }: ServiceParts,
  { database, storage, quotas, identities, audit }: PlaneMeans,
) {
  const plane = {
    bearerOfToken: identities.bearerOn("management"),
    defaultAccountName: account.name,
    audit,
    isDatabaseAway,
    clock,
    log,
  };
  return [
    managementPlane({
      handlers: createManagementHandlers({ database, storage, quotas, defaultAccountName: account.name }),
      findAccount: (name) => readAccount(database, name),
      ...plane,
    }),
    providerPages({ storage: storageAccounts, ...plane }),
    subscriptionPages({ listAccounts: () => listAccountPlaces(database), ...plane }),
  ];
}
