import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { agentVersion, describeRuntime, wallsObstacle } from "@kyanite/agent";
import { checkNodeUsers, localHosts, type NodeUsers, nodeUsers, type Provider } from "@kyanite/providers";
import {
  aborted,
  closeInheritedDescriptors,
  createLog,
  describeControlGroups,
  findControlGroups,
  type Log,
  listenForShutdown,
  makeRoomForControlGroups,
  parseIdRange,
  protectFromOomKiller,
  supervise,
  systemClock,
} from "@kyanite/runtime";
import {
  type EmbeddedStorage,
  parseConnectionString,
  type StorageAccount,
  startEmbeddedStorage,
} from "@kyanite/storage";
import type { ServiceParts } from "./assembly/service-parts.ts";
import type { Config } from "./config.ts";
import { isRole } from "./domain/account/caller.ts";
import type { MachineFacts } from "./domain/task/elevation.ts";
import type { ServerCertificate } from "./host/certificate-authority.ts";
import { type DataDirectory, keepAccountKey, keepMetricsToken, openDataDirectory } from "./host/data-directory.ts";
import { requireDescriptors } from "./host/descriptors.ts";
import { keepReserve } from "./host/disk-reserve.ts";
import { startEmbeddedPostgres } from "./host/embedded-postgres.ts";
import { removeEndpoints, writeEndpoints } from "./host/endpoints.ts";
import { mustChangeUser } from "./host/postgres-user.ts";
import { peerReach, reachOf } from "./host/reach.ts";
import { keepServerCertificate } from "./host/server-certificate.ts";
import { sentenceOf } from "./host/system-errors.ts";
import { keepTrustedAuthorities } from "./host/trusted-authorities.ts";
import { requireFreePorts } from "./http/listening.ts";
import { type Service, startService } from "./service.ts";
import type { DatabaseAddress } from "./store/database.ts";

/** What has been started, to be ended in reverse order. */
type Endings = (() => Promise<void>)[];

/** Runs a server in the foreground until the operating system asks it to stop. */
export async function runService(config: Config): Promise<void> {
  closeInheritedDescriptors();
  using shutdown = listenForShutdown();
  const log = createLog(config.logLevel);
  makeRoom(log);
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

/** What we start is protected from the machine's lack of memory as we are, but for tasks, and leaves their groups alone. */
function makeRoom(log: Log): void {
  protectFromOomKiller();
  makeRoomForControlGroups();
  const { isComplete, text } = describeControlGroups(findControlGroups());
  if (!isComplete) log.warn(text);
}

async function startAll(config: Config, log: Log, endings: Endings, signal: AbortSignal): Promise<void> {
  const clock = systemClock;
  await requireDescriptors();
  const directory = await openDataDirectory(config.dataDir, { traversable: mustChangeUser() });
  endings.push(() => directory.release());
  await requireFreePorts(config.host, [config.httpPort, config.httpsPort]);
  endings.push(keepDiskReserve(config, log));
  await removeEndpoints(directory.path);
  const address = await startDatabase(config, log, endings);
  const certificate = await keepServerCertificate({
    directory: join(directory.path, "certificates"),
    reach: () => reachOf(config),
    account: { name: config.account, location: "local" },
    clock,
    log,
  });
  endings.push(() => certificate.stop());
  const storage = await startStorage(config, certificate.current, { log, endings });
  const parts = await partsOf(config, { directory, address, certificate: certificate.current, storage, clock, log });
  if (signal.aborted) return;
  const service = await startService(parts);
  endings.push(
    () => service.provider.stop(),
    () => service.stop(),
  );
  certificate.onRenewal(service.useCertificate);
  await service.followAccounts(certificate.coverAccounts);
  if (storage.believe) await service.followStorageTrust(storage.believe);
  const endpoints = endpointsOf(config, service, { certificate: certificate.current, storage: storage.account });
  await service.followAccountKey((accountKey) => writeEndpoints(directory.path, { ...endpoints, accountKey }));
  endings.push(() => removeEndpoints(directory.path));
  const { batchUrl, batchHttpsUrl, blobHttpsEndpoint } = endpoints;
  log.info("ready", { batchUrl, batchHttpsUrl, blobHttpsEndpoint });
}

interface Started extends Pick<ServiceParts, "address" | "clock" | "log"> {
  readonly directory: DataDirectory;
  readonly certificate: ServerCertificate;
  readonly storage: Storage;
}

/** What the service is given, of the settings and of what has been started for it. */
async function partsOf(config: Config, { directory, certificate, storage, ...means }: Started): Promise<ServiceParts> {
  const authorities = await keepTrustedAuthorities(
    join(directory.path, "certificates"),
    certificate.authorityFile,
    config.childEnvironment.NODE_EXTRA_CA_CERTS,
  );
  const accountKey = config.accountKey ?? (await keepAccountKey(directory));
  return {
    ...means,
    listen: { host: config.host, httpPort: config.httpPort, httpsPort: config.httpsPort, tls: certificate },
    peers: peerReach(config),
    domains: reachOf(config).domains,
    publicUrl: config.publicUrl,
    agentUrl: config.agentUrl,
    account: { name: config.account, key: accountKey, replacesKey: config.accountKey !== undefined },
    settings: config.settings,
    telemetry: config.telemetry,
    metricsToken: await keepMetricsToken(directory),
    identity: {
      issuers: config.identityIssuers.split(" ").filter(Boolean),
      roleClaim: config.identityRoleClaim,
      defaultRole: isRole(config.identityDefaultRole) ? config.identityDefaultRole : undefined,
    },
    storage: [storage.account, ...config.moreStorageAccounts.map(parseConnectionString)],
    missing: () => (storage.isUp() ? [] : ["the storage is away"]),
    machine: await factsOf(config, means.log),
    describeContainers: oneAtATime(() => describeRuntime(runtimePlaces(config))),
    createProvider: ({ httpUrl }) => createLocalProvider(config, { httpUrl, authorities }, means.log),
  };
}

const endpointsOf = (
  config: Config,
  { listening }: Service,
  { certificate, storage }: { readonly certificate: ServerCertificate; readonly storage: StorageAccount },
) => ({
  account: config.account,
  batchUrl: listening.httpUrl,
  batchHttpsUrl: listening.httpsUrl,
  armUrl: listening.httpsUrl,
  caCertificate: certificate.authorityFile,
  storageAccount: storage.accountName,
  storageConnectionString: storage.connectionString,
  blobEndpoint: storage.blobEndpoint,
  blobHttpsEndpoint: storage.blobHttpsEndpoint ?? "",
  explorerUrl: "",
  pid: process.pid,
  version: agentVersion,
});

/** @returns what ends it */
function keepDiskReserve({ dataDir, settings }: Config, log: Log): () => Promise<void> {
  const stopping = new AbortController();
  const bytes = reserveBytes(settings);
  const keeping = keepReserve({ directory: dataDir, bytes, clock: systemClock, log }, stopping.signal).catch(
    (cause: unknown) => log.error("no space is reserved on the disk", { because: sentenceOf(cause) }),
  );
  return async () => {
    stopping.abort();
    await keeping;
  };
}

const reserveBytes = ({ diskReserveMegabytes }: Config["settings"]) => diskReserveMegabytes * 1_000_000;

async function startDatabase(config: Config, log: Log, endings: Endings): Promise<DatabaseAddress> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl };
  const postgres = await startEmbeddedPostgres({ dataDirectory: config.dataDir, clock: systemClock, log });
  const supervision = supervise(postgres, { name: "the database", clock: systemClock, log });
  endings.push(() => supervision.stop());
  return postgres.connection;
}

interface Storage {
  readonly account: StorageAccount;
  /** Absent where it is not ours to say whom it believes. */
  readonly believe?: EmbeddedStorage["believe"];
  readonly isUp: () => boolean;
}

async function startStorage(
  config: Config,
  { certificateFile, keyFile }: ServerCertificate,
  { log, endings }: { readonly log: Log; readonly endings: Endings },
): Promise<Storage> {
  if (config.storageConnectionString !== undefined)
    return { account: parseConnectionString(config.storageConnectionString), isUp: () => true };
  const storage = await startEmbeddedStorage({
    directory: join(config.dataDir, "storage"),
    accountName: config.storageAccount,
    https: { host: config.host, port: config.storageHttpsPort, certificateFile, keyFile },
    environment: config.childEnvironment,
    clock: systemClock,
    log,
  });
  const supervision = supervise(storage, { name: "the storage", clock: systemClock, log });
  endings.push(() => supervision.stop());
  return { account: storage.account, believe: storage.believe, isUp: supervision.isUp };
}

/** Says once what nodes cannot have here, so that nobody takes for closed what is open. */
async function factsOf({ dataDir }: Config, log: Log): Promise<MachineFacts> {
  const isRoot = process.getuid?.() === 0;
  const obstacle = await wallsObstacle(dataDir, { clock: systemClock, log });
  const reach = isRoot
    ? "tasks with administrator's rights reach all of this machine"
    : "tasks read all that this server's user may read, its keys too";
  const walls =
    obstacle === undefined ? "nodes have walls around their tasks" : `nodes have no walls, so ${reach}: ${obstacle}`;
  if (obstacle !== undefined) log.warn(walls);
  const users = isRoot ? "each node has users of its own" : "all tasks run as this server's user";
  return {
    hasWalls: obstacle === undefined || !isRoot,
    facts: [walls, users, describeControlGroups(findControlGroups()).text],
  };
}

/** As the agents of this machine look for it. */
const runtimePlaces = ({ settings, childEnvironment }: Config) => ({
  setting: settings.containerRuntime,
  dockerHost: childEnvironment.DOCKER_HOST,
  runtimeDirectory: childEnvironment.XDG_RUNTIME_DIR,
});

/** Whoever asks while another is being answered gets the same answer. */
function oneAtATime<Answer>(ask: () => Promise<Answer>): () => Promise<Answer> {
  let going: Promise<Answer> | undefined;
  return () => {
    going ??= ask().finally(() => {
      going = undefined;
    });
    return going;
  };
}

/** Shared by all servers of this machine, so that no two of their nodes have the same users. */
const usersDirectory = "/var/lib/kyanite-users";

/** @throws with a sentence when the ids for the nodes' users are somebody's already */
async function openNodeUsers(text: string): Promise<NodeUsers | undefined> {
  const range = parseIdRange(text);
  if (!range || process.getuid?.() !== 0) return undefined;
  await checkNodeUsers(range);
  return nodeUsers({ directory: usersDirectory, range });
}

async function createLocalProvider(
  config: Config,
  { httpUrl, authorities }: { readonly httpUrl: string; readonly authorities: string },
  log: Log,
): Promise<Provider> {
  return localHosts({
    directory: join(config.dataDir, "nodes"),
    // A busy agent would otherwise hold tens of megabytes of garbage.
    agentCommand: [
      process.execPath,
      "--max-semi-space-size=1",
      // Nor is what it has compiled for the last job thrown away while it waits for the next.
      "--no-flush-bytecode",
      fileURLToPath(import.meta.resolve("@kyanite/agent/main")),
    ],
    serviceUrl: httpUrl,
    agentLogLevel: config.logLevel,
    environment: {
      ...config.childEnvironment,
      NODE_EXTRA_CA_CERTS: authorities,
      KYANITE_AGENT_OPENS_AT_ONCE: String(config.settings.agentStartsAtOnce),
      // All nodes of a host share the threads that wait for disks.
      UV_THREADPOOL_SIZE: "16",
      KYANITE_AGENT_RESERVED_DISK_BYTES: String(Math.max(1_000_000, reserveBytes(config.settings))),
      KYANITE_AGENT_ABANDONED_HOURS: String(config.settings.abandonedNodeHours),
      KYANITE_AGENT_TASK_PATH: config.settings.taskPath,
      KYANITE_AGENT_CONTAINER_RUNTIME: config.settings.containerRuntime,
      KYANITE_AGENT_CONTAINER_IMAGE_GIGABYTES: String(config.settings.containerImageGigabytes),
      KYANITE_AGENT_CONTAINER_NETWORK: config.settings.containerNetwork,
      KYANITE_AGENT_SSH_PORT: String(config.settings.sshPort),
    },
    hidden: config.dataDir,
    users: await openNodeUsers(config.settings.nodeUsers),
    nodesPerHost: config.settings.nodesPerAgent,
    clock: systemClock,
    log,
  });
}
