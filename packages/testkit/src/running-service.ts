import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localProcess, type Provider } from "@kyanite/providers";
import { type Clock, createLog, systemClock } from "@kyanite/runtime";
import {
  type DatabaseAddress,
  defaultSettings,
  type Service,
  type ServiceParts,
  type Settings,
  startService,
} from "@kyanite/service";
import { parseConnectionString, type StorageAccount, signUrl } from "@kyanite/storage";
import { inject } from "vitest";
import { type TemporaryDatabase, temporaryDatabase } from "./temporary-database.ts";

export interface RunningServiceOptions {
  readonly settings?: Partial<Settings>;
  readonly identity?: Partial<ServiceParts["identity"]>;
  readonly clock?: Clock;
  /** Instead of the database that comes with it. */
  readonly address?: DatabaseAddress;
  /** Real local nodes unless given. */
  readonly provider?: Provider;
  /** More settings of local agents, such as `KYANITE_AGENT_KILL_GRACE_SECONDS`. */
  readonly agentEnvironment?: Readonly<Record<string, string>>;
}

/** A service of a test's own, in this process, on a database of its own; gone when it is disposed. */
export interface RunningService extends AsyncDisposable, TemporaryDatabase {
  readonly service: Service;
  readonly url: string;
  readonly account: { readonly name: string; readonly key: string };
  /** The storage account that all tests share; make containers with names of your own. */
  readonly storage: StorageAccount;
  /** Where the local nodes have their directories. */
  readonly nodesDirectory: string;
  /** Stops the service but not its nodes, and starts another in its place, on another port. */
  restart(whileAway?: () => Promise<void>): Promise<void>;
}

const account = { name: "test", key: Buffer.alloc(64, "kyanite").toString("base64") };
const agentProgram = createRequire(import.meta.url).resolve("../../agent/dist/main.js");

export async function runningService(options: RunningServiceOptions = {}): Promise<RunningService> {
  const temporary = await temporaryDatabase();
  const directory = await mkdtemp(join(tmpdir(), "kyanite-service-"));
  await chmod(directory, 0o711);
  const nodesDirectory = join(directory, "nodes");
  const clock = options.clock ?? systemClock;
  const log = createLog("error");
  const storage = parseConnectionString(inject("storageConnectionString"));
  const start = () =>
    startService({
      address: options.address ?? temporary.address,
      listen: { host: "127.0.0.1", httpPort: 0 },
      account,
      settings: { ...defaultSettings(), ...options.settings },
      identity: { issuers: [], roleClaim: "roles", defaultRole: undefined, ...options.identity },
      containerUrl: (container) =>
        signUrl(storage, { container, permissions: "rl", expiresOn: new Date("2100-01-01") }),
      createProvider: async ({ httpUrl }) =>
        options.provider ??
        localProcess({
          directory: nodesDirectory,
          agentCommand: [process.execPath, agentProgram],
          serviceUrl: httpUrl,
          agentLogLevel: "info",
          environment: { PATH: process.env.PATH, ...options.agentEnvironment },
          startsAtOnce: 4,
          clock: systemClock,
          log,
        }),
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
    async restart(whileAway = async () => {}) {
      await service.stop();
      await whileAway();
      service = await start();
    },
    async [Symbol.asyncDispose]() {
      await service.stop();
      await service.provider.stop();
      await temporary[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
