import { readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localHosts, nodeUsers, type Provider } from "@kyanite/providers";
import { type Clock, createLog, systemClock } from "@kyanite/runtime";
import {
  type DatabaseAddress,
  defaultSettings,
  type Service,
  type ServiceParts,
  type Settings,
  startService,
} from "@kyanite/service";
import { readServerCertificate } from "@kyanite/service/host/certificate-authority";
import { parseConnectionString, type StorageAccount } from "@kyanite/storage";
import { inject } from "vitest";
import { collectErrors } from "./expected-errors.ts";
import { type TemporaryDatabase, temporaryDatabase } from "./temporary-database.ts";

export interface RunningServiceOptions {
  readonly settings?: Partial<Settings>;
  /** What its machine has; walls unless given. */
  readonly machine?: Partial<ServiceParts["machine"]>;
  readonly identity?: Partial<ServiceParts["identity"]>;
  /** Where OpenTelemetry's variables name a collector that is to be told. */
  readonly telemetry?: ServiceParts["telemetry"];
  readonly clock?: Clock;
  /** Instead of the database that comes with it. */
  readonly address?: DatabaseAddress;
  /** Whether it speaks HTTPS as well; false. */
  readonly https?: boolean;
  /** Where clients elsewhere reach it. */
  readonly publicUrl?: string;
  /** Where agents and tasks on other machines reach it. */
  readonly agentUrl?: string;
  /** Other than the server's usual limits of time and memory for connections. */
  readonly limits?: ServiceParts["listen"]["limits"];
  /** Storage accounts that can be linked besides the shared one. */
  readonly moreStorage?: readonly StorageAccount[];
  /** Real local nodes unless given. */
  readonly provider?: Provider;
  /** How many nodes one local agent serves; all of them unless given. */
  readonly nodesPerHost?: number;
  /** More settings of local agents, such as `KYANITE_AGENT_KILL_GRACE_SECONDS`. */
  readonly agentEnvironment?: Readonly<Record<string, string>>;
  /** Errors that the service may log. Any other makes its disposal throw. */
  readonly expectsErrors?: readonly RegExp[];
}

/** A service of a test's own, in this process, on a database of its own; gone when it is disposed. */
export interface RunningService extends AsyncDisposable, TemporaryDatabase {
  readonly service: Service;
  readonly url: string;
  readonly account: { readonly name: string; readonly key: string };
  /** The storage account that all tests share; make containers with names of your own. */
  readonly storage: StorageAccount;
  /** With HTTPS only: where it answers, and the certificate of the authority to trust. */
  readonly https: { readonly url: string; readonly ca: string };
  /** Where the local nodes have their directories. */
  readonly nodesDirectory: string;
  /** Stops the service but not its nodes, and starts another in its place, on another port. */
  restart(whileAway?: () => Promise<void>): Promise<void>;
}

const account = { name: "test", key: Buffer.alloc(64, "kyanite").toString("base64") };
/** With which the metrics of every such service are read. */
export const metricsToken = "metrics";
const agentProgram = createRequire(import.meta.url).resolve("../../agent/dist/main.js");

const isRoot = process.getuid?.() === 0;
/** Services of all tests of this machine draw from it, so that no two of their nodes have the same users. */
const sharedUsersDirectory = join(tmpdir(), "kyanite-test-users");
const testRange = { first: 1_500_000, last: 1_755_999 };

export async function runningService(options: RunningServiceOptions = {}): Promise<RunningService> {
  const temporary = await temporaryDatabase();
  const directory = await mkdtemp(join(tmpdir(), "kyanite-service-"));
  await chmod(directory, 0o711);
  const nodesDirectory = join(directory, "nodes");
  const clock = options.clock ?? systemClock;
  const errors = collectErrors(createLog("error"), options.expectsErrors ?? []);
  const { log } = errors;
  const storage = parseConnectionString(inject("storageConnectionString"));
  const tls = options.https
    ? await readServerCertificate({ directory, names: ["localhost", "127.0.0.1"], now: clock.now() })
    : undefined;
  const limits = options.limits ? { limits: options.limits } : {};
  let providerClock = clockUntilKilled();
  const start = () =>
    startService({
      address: options.address ?? temporary.address,
      listen: { host: "127.0.0.1", httpPort: 0, ...(tls ? { httpsPort: 0, tls } : {}), ...limits },
      peers: { host: "127.0.0.1", port: 0, name: "127.0.0.1" },
      ...(options.publicUrl && {
        publicUrl: options.publicUrl,
        domains: ["localhost", new URL(options.publicUrl).hostname],
      }),
      agentUrl: options.agentUrl,
      account: { ...account, replacesKey: false },
      settings: { ...defaultSettings(), ...options.settings },
      metricsToken,
      telemetry: options.telemetry,
      identity: { issuers: [], roleClaim: "roles", defaultRole: undefined, ...options.identity },
      storage: [storage, ...(options.moreStorage ?? [])],
      createProvider: async ({ httpUrl }) =>
        options.provider ??
        localHosts({
          directory: nodesDirectory,
          agentCommand: [process.execPath, agentProgram],
          serviceUrl: httpUrl,
          agentLogLevel: "info",
          environment: { PATH: process.env.PATH, ...options.agentEnvironment },
          hidden: directory,
          users: isRoot ? nodeUsers({ directory: sharedUsersDirectory, range: testRange }) : undefined,
          ...(options.nodesPerHost === undefined ? {} : { nodesPerHost: options.nodesPerHost }),
          clock: providerClock.clock,
          log,
        }),
      machine: { hasWalls: true, facts: [], ...options.machine },
      clock,
      log,
    });
  let service = await start();
  return {
    ...temporary,
    get service() {
      return service;
    },
    get url() {
      return service.listening.httpUrl;
    },
    account,
    storage,
    nodesDirectory,
    get https() {
      if (!tls) throw new Error("ask for https when the service is started");
      return { url: service.listening.httpsUrl, ca: readFileSync(tls.authorityFile, "utf8") };
    },
    async restart(whileAway = async () => {}) {
      await service.stop();
      // Its agents go on, and are the next one's to look after.
      providerClock.kill();
      await whileAway();
      providerClock = clockUntilKilled();
      service = await start();
    },
    async [Symbol.asyncDispose]() {
      await service.stop();
      // Removed, not only ended: the machine's users that tests have made go with their nodes.
      if (!options.provider) await service.provider.remove((await service.provider.list()).map(({ nodeId }) => nodeId));
      await service.provider.stop();
      await temporary[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
      errors.check();
    },
  };
}

/** For what ends with its process: nothing that sleeps by this clock wakes up once it is killed. */
function clockUntilKilled() {
  let isKilled = false;
  const sleep: Clock["sleep"] = (...pause) => (isKilled ? new Promise(() => {}) : systemClock.sleep(...pause));
  return {
    clock: { ...systemClock, sleep },
    kill: () => {
      isKilled = true;
    },
  };
}
