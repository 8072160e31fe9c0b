import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Clock,
  isRunning,
  type Log,
  type ProcessRecord,
  processCommandLine,
  type Restartable,
  readRunningProcess,
  readTextIfExists,
  startBackgroundProcess,
  stopProcessGroup,
  waitUntil,
  writeFileAtomically,
} from "@kyanite/runtime";
import { formatConnectionString, parseConnectionString, type StorageAccount } from "./account.ts";
import { type Ports, portsToTry, readPorts, type StorageHttps } from "./embedded-ports.ts";
import { type Trust, writeTrust } from "./trust.ts";

const defaultAccountName = "kyanite";
const host = "127.0.0.1";
const startMilliseconds = 60_000;
const stopMilliseconds = 30_000;

/** The storage account that a Kyanite server brings. Started again, it has the same port. */
export interface EmbeddedStorage extends Restartable {
  readonly account: StorageAccount;
  /** Where it answers over HTTPS; undefined when it was not asked to. */
  readonly httpsPort: number | undefined;
  /** Whether an earlier server of ours had left it running. */
  readonly isAdopted: boolean;
  /** From here on it believes these bearer tokens, over HTTPS, and no others; also when it outlives us. */
  believe(trust: Trust): Promise<void>;
  /** Finishes the requests that are under way. */
  stop(): Promise<void>;
}

export interface EmbeddedStorageOptions {
  /** `kyanite` unless given at the first start; it cannot be changed, since it is part of what is stored. */
  readonly accountName?: string | undefined;
  /** Everything of the account goes here; nobody else may use it at the same time. */
  readonly directory: string;
  /** For HTTPS beside HTTP. */
  readonly https?: StorageHttps;
  /** Inherited by the blob service; must hold no secret of ours. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Places {
  readonly accountName: string;
  readonly data: string;
  readonly logFile: string;
  /** What the log was called when it was Azurite's. */
  readonly olderLogFile: string;
  readonly recordFile: string;
  readonly keyFile: string;
  readonly trustFile: string;
}

/**
 * Starts the bundled blob service, or adopts one that outlived an earlier server of ours. It gets the port it had
 * before, when that is free, so that signed URLs stay good over a restart.
 */
export async function startEmbeddedStorage(options: EmbeddedStorageOptions): Promise<EmbeddedStorage> {
  const { directory } = options;
  await mkdir(join(directory, "data"), { recursive: true, mode: 0o700 });
  const accountName = await keepName(directory, options.accountName);
  const places = placesIn(directory, accountName);
  const key = await keepKey(places.keyFile);
  const adopted = await adopt(places, options);
  const running =
    adopted ?? (await start(places, key, { ...options, ports: portsToTry(await earlierPorts(places), options.https) }));
  const { ports } = running;
  let { record } = running;
  const blobEndpoint = `http://${host}:${ports.http}/${accountName}`;
  const isAdopted = adopted !== undefined;
  options.log.info("storage ready", { pid: record.pid, port: ports.http, httpsPort: ports.https, isAdopted });
  return {
    get process() {
      return record;
    },
    account: {
      ...parseConnectionString(formatConnectionString(accountName, key, blobEndpoint)),
      ...(ports.https !== undefined && { blobHttpsEndpoint: `https://localhost:${ports.https}/${accountName}` }),
    },
    httpsPort: ports.https,
    isAdopted,
    restart: async () => {
      record = (await start(places, key, { ...options, ports: [ports] })).record;
    },
    believe: (trust) => writeTrust(places.trustFile, trust),
    stop: () => stop(record, options),
  };
}

function placesIn(directory: string, accountName: string): Places {
  return {
    accountName,
    data: join(directory, "data"),
    logFile: join(directory, "storage.log"),
    olderLogFile: join(directory, "azurite.log"),
    recordFile: join(directory, "process.json"),
    keyFile: join(directory, "account-key"),
    trustFile: join(directory, "trust.json"),
  };
}

/** @throws when another name is asked for than the account has */
async function keepName(directory: string, asked: string | undefined): Promise<string> {
  const { keyFile } = placesIn(directory, "");
  const nameFile = join(directory, "account-name");
  const isNew = (await readTextIfExists(keyFile)) === undefined;
  const name = (await readTextIfExists(nameFile))?.trim() || (isNew && asked) || defaultAccountName;
  if (asked !== undefined && asked !== name)
    throw new Error(
      `the bundled storage account in ${directory} is called ${name}: leave --storage-account out, or choose another --data-dir`,
    );
  if (name !== defaultAccountName) await writeFileAtomically(nameFile, `${name}\n`);
  return name;
}

async function keepKey(file: string): Promise<string> {
  const kept = (await readTextIfExists(file))?.trim();
  if (kept === "")
    throw new Error(
      `${file} is empty: restore it from a backup, or delete it. The storage makes another; signed URLs end with the old one`,
    );
  if (kept !== undefined) return kept;
  const key = randomBytes(64).toString("base64");
  await writeFileAtomically(file, `${key}\n`);
  return key;
}

interface Running {
  readonly record: ProcessRecord;
  readonly ports: Ports;
}

/** The one that runs already; undefined when there is none, when it was ending, or when it is to answer elsewhere. */
async function adopt(places: Places, options: EmbeddedStorageOptions): Promise<Running | undefined> {
  const { clock, https } = options;
  const record = await readRunningProcess(places.recordFile);
  if (record === undefined) return undefined;
  // One of an older Kyanite, or with other settings.
  if (!processCommandLine(record.pid)?.includes(` ${argumentsFor(places, https).join(" ")} `))
    return letGo(record, options);
  const running = await becomeReady(places, record, options);
  if (running !== undefined && (https?.port ?? 0) !== 0 && running.ports.https !== https?.port)
    return letGo(record, options);
  if (running !== undefined && (await answers(running.ports.http, places.accountName))) return running;
  if (await waitUntil(() => !isRunning(record), { clock, timeoutMilliseconds: stopMilliseconds })) return undefined;
  throw new Error(`The storage (process ${record.pid}) neither answers nor ends; its log is ${places.logFile}`);
}

async function letGo(record: ProcessRecord, { clock }: EmbeddedStorageOptions): Promise<undefined> {
  await stopProcessGroup(record, { clock, graceMilliseconds: stopMilliseconds });
  return undefined;
}

/** What the blob service is started with, before its ports. */
function argumentsFor({ accountName, data, trustFile }: Places, https: StorageHttps | undefined): readonly string[] {
  const forHttps = https ? [https.host, https.certificateFile, https.keyFile] : [];
  return [program, accountName, data, trustFile, ...forHttps];
}

async function answers(port: number, accountName: string): Promise<boolean> {
  try {
    await fetch(`http://${host}:${port}/${accountName}?comp=list`, { signal: AbortSignal.timeout(5_000) });
    return true;
  } catch {
    return false;
  }
}

async function earlierPorts({ logFile, olderLogFile }: Places): Promise<Ports | undefined> {
  return readPorts((await readTextIfExists(logFile)) ?? (await readTextIfExists(olderLogFile)));
}

interface StartOptions extends EmbeddedStorageOptions {
  readonly ports: readonly Ports[];
}

async function start(places: Places, key: string, options: StartOptions): Promise<Running> {
  for (const ports of options.ports) {
    // The log begins anew, since it is what tells us when and where the service listens.
    await rm(places.logFile, { force: true });
    const record = await startBackgroundProcess({
      command: process.execPath,
      args: [...argumentsFor(places, options.https), ...[ports.http, ports.https ?? []].flat().map(String)],
      env: { ...options.environment, AZURITE_ACCOUNTS: `${places.accountName}:${key}` },
      directory: places.data,
      logFile: places.logFile,
      recordFile: places.recordFile,
    });
    const running = await becomeReady(places, record, options);
    if (running !== undefined) return running;
    await stopProcessGroup(record, { clock: options.clock, graceMilliseconds: stopMilliseconds });
  }
  const text = await readTextIfExists(places.logFile);
  // Of other ports than the one that was asked for, any is as good.
  const { https } = options;
  if (https && https.port !== 0 && text?.includes(`EADDRINUSE: address already in use ${https.host}:${https.port}`))
    throw new Error(
      `Cannot listen on ${https.host}:${https.port}: the port is in use. Stop what uses it, or choose another with --storage-https-port (0 takes a free one)`,
    );
  throw new Error(`The storage does not start. Its log is ${places.logFile}:\n${text}`);
}

const program = fileURLToPath(new URL("../dist/blob-server/main.js", import.meta.url));

async function becomeReady(
  places: Places,
  record: ProcessRecord,
  { clock }: EmbeddedStorageOptions,
): Promise<Running | undefined> {
  const readLog = async () => readPorts(await readTextIfExists(places.logFile));
  const isSettled = async () => (await readLog()) !== undefined || !isRunning(record);
  await waitUntil(isSettled, { clock, timeoutMilliseconds: startMilliseconds });
  const ports = await readLog();
  return isRunning(record) && ports !== undefined ? { record, ports } : undefined;
}

async function stop(record: ProcessRecord, { clock, log }: EmbeddedStorageOptions): Promise<void> {
  const outcome = await stopProcessGroup(record, { clock, graceMilliseconds: stopMilliseconds });
  if (outcome !== "ended") log.warn("storage did not stop by itself", { pid: record.pid, outcome });
}
