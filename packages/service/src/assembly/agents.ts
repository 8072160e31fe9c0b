import { randomBytes, randomUUID } from "node:crypto";
import type { StorageAccounts } from "../domain/account/storage.ts";
import { parseMountSources } from "../domain/pool/mounts.ts";
import { AgentEndpoint } from "../http/agents/endpoint.ts";
import { LinkedFiles } from "../http/agents/linked-files.ts";
import { AgentLinks } from "../http/agents/links.ts";
import { type NodeFiles, nodeFiles } from "../http/agents/node-files.ts";
import { startPeerServer } from "../http/agents/peer-server.ts";
import { keepPresence } from "../http/agents/presence.ts";
import { relayedAnswers } from "../http/agents/relayed-answers.ts";
import { relayedFiles } from "../http/agents/relayed-files.ts";
import { orderMaker } from "../http/agents/run-orders.ts";
import type { TaskTokens } from "../identity/task-tokens.ts";
import type { Served } from "../scheduler/served.ts";
import type { Database } from "../store/database.ts";
import { keepSecret } from "../store/secrets.ts";
import type { SnapshotBounds } from "../store/snapshot.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import type { ServiceParts } from "./service-parts.ts";

export interface AgentMeans {
  readonly database: Database;
  readonly storage: StorageAccounts;
  readonly bounds: SnapshotBounds;
  readonly served: Served;
  readonly taskTokens: TaskTokens;
  readonly telemetry: Telemetry | undefined;
  /** Where this server listens; asked when a task is to run. */
  readonly httpUrl: () => string;
}

/** The agents' side of a server. */
export interface Agents {
  readonly endpoint: AgentEndpoint;
  readonly nodeFiles: NodeFiles;
  /** Begins to tell nodes what they should run, and to work with the other servers. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function createAgents(parts: ServiceParts, means: AgentMeans): Promise<Agents> {
  const { settings, clock, log } = parts;
  const { database } = means;
  const serverId = randomUUID();
  const secret = await keepSecret(database, "servers", randomBytes(32));
  const links = new AgentLinks({
    database,
    serverId,
    telemetry: means.telemetry,
    clock,
    log,
    heartbeatSeconds: settings.heartbeatSeconds,
    sampleSeconds: settings.sampleSeconds,
    bounds: means.bounds,
    limits: settings,
    served: means.served,
    mountSources: parseMountSources(settings.mountSources) ?? [],
    orderFor: orderMaker({
      database,
      storage: means.storage,
      accountUrl: () => parts.agentUrl ?? means.httpUrl(),
      taskToken: (holder) => means.taskTokens.sign(holder),
      keeping: settings,
      now: () => clock.now(),
    }),
  });
  const linked = new LinkedFiles((nodePk, order) => links.send(nodePk, order), clock);
  const relayed = relayedFiles({ database, serverId, secret, clock });
  const relayAnswer = relayedAnswers({ database, serverId, secret });
  const endpoint = new AgentEndpoint({
    database,
    links,
    linkedFiles: linked,
    relayAnswer,
    storage: means.storage,
    keptLogMegabytes: settings.keptLogMegabytes,
    clock,
    log,
  });
  const endings: (() => Promise<void>)[] = [];
  return {
    endpoint,
    nodeFiles: nodeFiles({ isLinked: (nodePk) => links.has(nodePk), linked, relayed }),
    start: async () => {
      const { name, ...listened } = parts.peers;
      const peers = await startPeerServer(listened, { linked, secret, clock, log });
      const leave = await keepPresence({ id: serverId, address: `${name}:${peers.port}` }, { database, clock, log });
      const stopListening = await links.start();
      endings.push(leave, peers.close, () => stopListening().catch(() => {}));
    },
    stop: async () => {
      await Promise.all([links.close(), ...endings.map((end) => end())]);
      endpoint.close();
    },
  };
}
