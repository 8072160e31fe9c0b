import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { join } from "node:path";
import { systemClock } from "@kyanite/runtime";
import requestListeners from "azurite/dist/src/blob/BlobRequestListenerFactory.js";
import garbageCollection from "azurite/dist/src/blob/gc/BlobGCManager.js";
import accountData from "azurite/dist/src/common/AccountDataStore.js";
import logger from "azurite/dist/src/common/Logger.js";
import extentFiles from "azurite/dist/src/common/persistence/FSExtentStore.js";
import addresses from "azurite/dist/src/common/utils/constants.js";
import { behindTokenGate, decideBy } from "./azurite-tokens.ts";
import { openBlobIndex } from "./blob-index.ts";
import { type CertificateFiles, followCertificate } from "./certificate.ts";
import { keepDelegationKeysSecret, readNewerSignatures } from "./delegation-keys.ts";
import { extentLocation, openExtents } from "./extents.ts";
import { tokenAccess } from "./token-access.ts";
import { followTrusted } from "./trusted.ts";

/** Azurite's blob service on a directory, with an index that is on disk before anybody hears of it. */
export interface BlobServer {
  /** Both are still to listen. */
  readonly http: Server;
  /** Absent without a certificate. */
  readonly https?: Server;
  /** Finishes the requests that are under way. */
  close(): Promise<void>;
}

const extentsWrittenAtOnce = 50;

export interface BlobServerOptions {
  readonly directory: string;
  /** The name of its account, whose key is in the variable `AZURITE_ACCOUNTS`. */
  readonly accountName: string;
  /** Says whose bearer tokens are believed; may come and change at any time. */
  readonly trustFile: string;
  readonly certificate?: CertificateFiles;
  /** Told when the disk refuses; the process has to end then. */
  readonly onFailure: (cause: unknown) => void;
}

export async function openBlobServer(options: BlobServerOptions): Promise<BlobServer> {
  const { directory, accountName, certificate, onFailure } = options;
  const index = await openBlobIndex(directory, onFailure);
  const locationPath = join(directory, "__blobstorage__");
  const extents = await openExtents(locationPath);
  const places = [{ locationId: extentLocation, locationPath, maxConcurrency: extentsWrittenAtOnce }];
  const files = new extentFiles.default(extents, places, logger.default);
  await files.init();
  const { accounts, access } = await openAccess(options);
  // Any version of the protocol is let through: clients are often newer than Azurite. Of its own decision on tokens, which
  // "basic" switches on, nothing is left.
  const switches = [false, undefined, false, true, "basic"] as const;
  const listeners = new requestListeners.default(index.store, files, accounts, ...switches);
  // Of a blob whose removal is not on disk yet nothing may be missing.
  const collected = {
    isInitialized: () => true,
    deleteExtents: async (ids: Iterable<string>) => {
      await index.journal.settled();
      return files.deleteExtents(ids);
    },
  };
  const collector = new garbageCollection.default(index.memory, extents, collected, onFailure, logger.default);
  await collector.start();
  const isAccountHost = new RegExp(`^${accountName}(-secondary)?\\.`, "i");
  // Azurite takes the first label of any name for the account, and so `server` in `https://server.example/ACCOUNT/…`.
  addresses.NO_ACCOUNT_HOST_NAMES.has = (name) => !isAccountHost.test(name);
  const take = behindTokenGate(listeners.createRequestListener(), access);
  const http = patient(createServer(limits, take));
  const https = certificate && (await openHttps(certificate, take));
  return {
    http,
    ...(https && { https: https.server }),
    close: async () => {
      https?.stopFollowing();
      const servers = [http, ...(https ? [https.server] : [])].filter(({ listening }) => listening);
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      await collector.close();
      await index.journal.close();
    },
  };
}

/** Decides whose requests are served, where Azurite by itself would believe strangers. */
async function openAccess({ accountName, trustFile }: BlobServerOptions) {
  const accounts = new accountData.default(logger.default);
  await accounts.init();
  const account = accounts.getAccount(accountName);
  if (!account) throw new Error(`AZURITE_ACCOUNTS has no key of ${accountName}`);
  keepDelegationKeysSecret(account.key1);
  readNewerSignatures();
  const access = tokenAccess({ whom: followTrusted(trustFile), accountName, clock: systemClock });
  decideBy(access, systemClock);
  return { accounts, access };
}

async function openHttps(certificate: CertificateFiles, take: RequestListener) {
  const server = createHttpsServer(limits, take);
  const stopFollowing = await followCertificate(server, certificate);
  return { server: patient(server), stopFollowing };
}

// A large blob may take as long as it takes; a connection on which nothing moves may not.
const limits = { requestTimeout: 0 };
const idleMilliseconds = 300_000;
const patient = <S extends Server>(server: S): S => server.setTimeout(idleMilliseconds);
