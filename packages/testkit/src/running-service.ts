import { readFileSync } from "node:fs";
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
import { readServerCertificate } from "@kyanite/service/host/certificate-authority";
import { parseConnectionString, type StorageAccount } from "@kyanite/storage";
import { inject } from "vitest";
import { type TemporaryDatabase, temporaryDatabase } from "./temporary-database.ts";

export interface RunningServiceOptions {
  readonly settings?: Partial<Settings>;
  readonly identity?: Partial<ServiceParts["identity"]>;
  readonly clock?: Clock;
  /** Instead of the database that comes with it. */
  readonly address?: DatabaseAddress;
  /** Whether it speaks HTTPS as well; false. */
  readonly https?: boolean;
  /** Storage accounts that can be linked besides the shared one. */
  readonly moreStorage?: readonly StorageAccount[];
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
  /** With HTTPS only: where it answers, and the certificate of the authority to trust. */
  readonly https: { readonly url: string; readonly ca: string };
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
  const tls = options.https
    ? await readServerCertificate({ directory, names: ["localhost", "127.0.0.1"], now: clock.now() })
    : undefined;
  const start = () =>
    startService({
      address: options.address ?? temporary.address,
      listen: { host: "127.0.0.1", httpPort: 0, ...(tls ? { httpsPort: 0, tls } : {}) },
      account: { ...account, replacesKey: false },
      settings: { ...defaultSettings(), ...options.settings },
      identity: { issuers: [], roleClaim: "roles", defaultRole: undefined, ...options.identity },
      storage: [storage, ...(options.moreStorage ?? [])],
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
    get https() {
      if (!tls) throw new Error("ask for https when the service is started");
      return { url: service.listening.httpsUrl, ca: readFileSync(tls.authorityFile, "utf8") };
    },
    async restart(whileAway = async () => {}) {
      await service.stop();
      await whileAway();
      service = await start();
    },
    async [Symbol.asyncDispose]() {
      await service.stop();
      // Removed, not only ended: the machine's users that tests have made go with their nodes.
      if (!options.provider) await service.provider.remove((await service.provider.list()).map(({ nodeId }) => nodeId));
      await service.provider.stop();
      await temporary[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
